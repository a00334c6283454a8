"""Scores of pairs, versions and slices, with intervals."""
