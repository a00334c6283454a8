"""Asking a model about every image: scheduling, keys, rate limits, batch jobs."""
