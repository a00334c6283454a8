"""The model families, and what is tuned in them."""
