"""Inference: decoding, predictions for the test set, grounding, and answering questions about any image."""
