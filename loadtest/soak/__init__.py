"""The whole stack under the simulated factory's load while everything is killed: is what it stores the truth?"""
