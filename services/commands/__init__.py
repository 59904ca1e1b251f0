"""The commands that operate a running floorstream."""
