"""Versions side by side, of this checkout or of other commits."""
