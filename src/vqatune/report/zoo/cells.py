"""Scores as text, in the tables of the zoo's page."""

import pandas as pd

ABSENT = "–"
_SPACE = "\u00a0"


def score_cell(value: float, low: float, high: float) -> str:
    """Return a score with its 95 % interval where it has one, "0.250 (0.200 to 0.300)"; an absent one is a dash."""
    if pd.isna(value):
        return ABSENT
    return f"{value:.3f}" if pd.isna(low) else f"{value:.3f} {in_brackets(f'{low:.3f} to {high:.3f}')}"


def in_brackets(text: str) -> str:
    """Return a text in brackets that a narrow cell does not break into lines."""
    return f"({text.replace(' ', _SPACE)})"
