"""The simulated plant and the benchmarks."""
