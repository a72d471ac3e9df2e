"""Load and micro benchmarks; never part of the package."""
