"""Asking a version about any picture: in Python, in a terminal, and for files of questions."""
