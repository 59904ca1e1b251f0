"""What the stages decide, on fakes."""
