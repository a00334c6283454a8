"""Question-answer pairs without a model: from listings, or from a file."""
