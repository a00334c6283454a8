"""Pairs in; a training set, a test set, batches, and the loader that yields images with their questions."""
