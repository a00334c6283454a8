"""Model and dataset cards in the form of the Hugging Face hub."""
