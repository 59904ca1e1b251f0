"""Ways out to phones and other systems: one kind of target per file, and what they share."""
