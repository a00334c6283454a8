"""Answering questions about any image: from Python, and for files of questions."""
