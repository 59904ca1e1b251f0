"""The front door: HTTP → floor.scans, floor.machines, floor.master; 202 only after the broker has it."""
