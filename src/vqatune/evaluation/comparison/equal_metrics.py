"""Metrics that say the same: on answers of one word, half of all metrics have one value, of which a table shows one."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
"""Values closer than this differ by how sums were rounded, and by nothing else."""


def equal_metrics(values: pd.DataFrame) -> dict[str, list[str]]:
    """Group metrics whose values are equal in every column.

    Args:
        values: a row a metric, its index the names, and a column of numbers a version (or whatever a table shows of a
            metric); missing values are equal to each other.

    Returns:
        The first metric of each group → those that equal it, in the order of the rows.
    """
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    groups: dict[str, list[str]] = {}
    kept: list[int] = []
    for place, name in enumerate(values.index):
        same = next((other for other in kept if _equal(numbers[place], numbers[other])), None)
        if same is None:
            kept.append(place)
            groups[name] = []
        else:
            groups[values.index[same]].append(name)
    return groups


def equality_sentences(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each metric (`equal_metrics`) that others equal: which they are."""
    return [f"Equal to {name} here: {', '.join(others)}." for name, others in groups.items() if others]


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    return np.allclose(first, second, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True)
