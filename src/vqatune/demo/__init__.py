"""`vqatune demo`: a page on this machine to ask versions about an image, with their attention over it."""
