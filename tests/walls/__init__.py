"""Walls: the key figures of the database, and every query of the dashboards and alert rules on real data."""
