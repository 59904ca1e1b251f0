"""Stories from the floor, through the whole system."""
