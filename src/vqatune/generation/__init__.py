"""Images and their listings in, checked question-answer pairs out."""
