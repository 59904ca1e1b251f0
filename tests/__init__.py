"""The tests: rules on any input, machines for real, guarantees through faults."""
