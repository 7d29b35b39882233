"""Benchmarks: ratios against a peer or a floor in the same run, medians of several rounds."""
