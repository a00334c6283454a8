"""The checks that a question-answer pair must pass."""
