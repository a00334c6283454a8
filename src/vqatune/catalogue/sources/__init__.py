"""Catalogue sources: each reads listings, and where the bytes of their images lie."""
