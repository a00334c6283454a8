"""The base model, which v1 starts from."""
