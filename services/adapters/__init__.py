"""The machines: one technology per file, no rules."""
