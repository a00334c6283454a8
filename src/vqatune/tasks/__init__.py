"""Benchmark tasks: more questions about the listings of the test set, on which nothing is trained."""
