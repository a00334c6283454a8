"""A version and its dataset for others: folders in the form of the Hugging Face hub, with cards, and their upload."""
