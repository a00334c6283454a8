"""Predictions for the test set: decoding, candidates, and how much answers depend on the image."""
