"""Shares with intervals, and agreement."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959963984540054
"""The standard normal distribution's quantile of 97.5 %, for intervals of 95 %."""


@dataclass(frozen=True)
class Share:
    """A share of `of` items, from 0 to 1, with its interval of 95 %; all three are None where there is no item."""

    count: int
    of: int
    value: float | None
    low: float | None
    high: float | None


def share(count: int, of: int) -> Share:
    """Return a share with Wilson's interval (1927), which stays within 0 and 1 and holds for few items, too."""
    if not of:
        return Share(count, of, None, None, None)
    value, weight = count / of, Z**2 / of
    middle = (value + weight / 2) / (1 + weight)
    half = Z * math.sqrt(value * (1 - value) / of + weight / (4 * of)) / (1 + weight)
    # At the ends the interval ends there, whatever rounding makes of it.
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == of else middle + half
    return Share(count, of, value, low, high)


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return the agreement of two people on the same items beyond chance (Cohen 1960), from -1 to 1.

    None where there is no item, or where both always say the same one thing, as agreement by chance is certain there.
    """
    if not first:
        return None
    items = len(first)
    agreed = sum(one == other for one, other in zip(first, second, strict=True)) / items
    ones, others = Counter(first), Counter(second)
    by_chance = sum(count * others[name] for name, count in ones.items()) / items**2
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)
