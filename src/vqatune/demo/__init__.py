"""`vqatune demo`: a page on this machine for asking versions about a picture, and seeing where they looked."""
