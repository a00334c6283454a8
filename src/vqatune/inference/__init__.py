"""Inference: predictions for the test set, and answers to questions about any image."""
