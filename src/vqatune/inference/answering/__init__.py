"""Asking a version about any image: in Python, and for files of questions."""
