"""track: where each unit is; visits and their times."""
