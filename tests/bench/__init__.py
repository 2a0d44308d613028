"""Benchmarks: ratios of what is compared in one run, on real servers."""
