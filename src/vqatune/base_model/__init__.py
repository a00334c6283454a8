"""The model that v1 starts from."""
