"""Faults: what survives when something dies, sleeps or comes twice."""
