"""The machines, on real brokers and databases."""
