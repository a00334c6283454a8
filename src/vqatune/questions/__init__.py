"""Image and metadata in, checked question-answer pairs out."""
