"""Any two versions side by side, as the page shows them: totals, and by slice how many answers came right or went wrong.

All of it is computed here, for every pair of versions, so that the page only looks it up.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.comparison.equal_metrics import equal_metrics
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.scoring.slices import SLICES, SMALLEST_SLICE
from vqatune.report.metric_notes import METRIC_NOTES
from vqatune.report.page.answers import Answers, slice_values
from vqatune.tables import read_csv

FEWEST_IMAGES = 5
"""Fewer images do not show how much images differ."""

_NORMAL_975 = 1.959964
"""The 0.975 quantile of the normal distribution."""


def comparison_data(root: Path, answers: Answers) -> dict[str, Any]:
    """Return the data by which the page compares any two versions, as JSON can hold it.

    Returns:
        what: "version"; versions: their names; smallest: SMALLEST_SLICE; fewest_images: FEWEST_IMAGES; totals: a dict a metric, of
        those that are equal in all versions the first (name, equal: the others, note: text or None, higher_is_better, and value,
        low, high: lists with a number or None a version); slices: a dict a slice, the
        first being all pairs (slice, value, pairs, images, right: a count a version; gained, lost, half: a list with a
        value for every two versions, the first with the second, the first with the third, …). half is half the width
        of the 95 % interval of the difference in exact match, or None where there are fewer than FEWEST_IMAGES.

    Raises:
        DataError: a version has not been measured.
    """
    return compare_all(answers, _read_intervals(root / "metrics/intervals", answers.versions))


def compare_all(
    answers: Answers, intervals: Mapping[str, pd.DataFrame], what: str = "version"
) -> dict[str, Any]:
    """Return what `comparison_data` does.

    Args:
        answers: of all that is compared.
        intervals: name → interval_table.
        what: one of those compared is called.
    """
    rows = [_one_slice("all", "all", answers, np.arange(len(answers.pairs)))]
    values = slice_values(answers)
    for name in SLICES:
        codes, distinct = pd.factorize(values[name], sort=False)
        if (codes >= 0).all() and len(distinct) == 1:
            # The slice equals the whole test set.
            continue
        order = _order(answers.pairs[name], distinct)
        rows += [_one_slice(name, distinct[code], answers, np.flatnonzero(codes == code)) for code in order]
    return {
        "what": what,
        "versions": answers.versions,
        "smallest": SMALLEST_SLICE,
        "fewest_images": FEWEST_IMAGES,
        "totals": _totals(
            {name: table.set_index("metric") for name, table in intervals.items()}, answers.versions
        ),
        "slices": rows,
    }


def half_width(row: Mapping[str, Any], versions: Sequence[str], first: str, second: str) -> float | None:
    """Return half the width of the interval of the difference of two versions in a slice, or None where it has none.

    row: one of the slices that `comparison_data` returns. versions: its versions.
    """
    place, other = sorted((versions.index(first), versions.index(second)))
    half: float | None = row["half"][list(combinations(range(len(versions)), 2)).index((place, other))]
    return half


def _order(column: pd.Series, distinct: pd.Index) -> list[int]:
    """Return the places of a slice's values in the order of the values themselves: 2 before 10."""
    places = {text: place for place, text in enumerate(distinct)}
    return [places[str(value)] for value in pd.Series(column.dropna().unique()).sort_values()]


def _one_slice(slice_: str, value: str, answers: Answers, chosen: np.ndarray) -> dict[str, Any]:
    """Return a slice's counts, and intervals of a ratio over clusters, the images (Cochran 1977, section 6.3)."""
    right = answers.right[chosen]
    codes, images = pd.factorize(answers.pairs["image_id"].iloc[chosen])
    sizes = np.bincount(codes)
    counts = np.zeros((len(images), right.shape[1]))
    np.add.at(counts, codes, right)
    row: dict[str, Any] = {
        "slice": slice_,
        "value": value,
        "pairs": len(chosen),
        "images": len(images),
        "right": right.sum(axis=0).tolist(),
        "gained": [],
        "lost": [],
        "half": [],
    }
    for first, second in combinations(range(right.shape[1]), 2):
        row["gained"].append(int((right[:, second] & ~right[:, first]).sum()))
        row["lost"].append(int((right[:, first] & ~right[:, second]).sum()))
        row["half"].append(_half_width(counts[:, second] - counts[:, first], sizes))
    return row


def _half_width(differences: np.ndarray, sizes: np.ndarray) -> float | None:
    images = len(sizes)
    if images < FEWEST_IMAGES:
        return None
    residuals = differences - sizes * (differences.sum() / sizes.sum())
    variance = images / (images - 1) * (residuals**2).sum() / sizes.sum() ** 2
    return round(_t_975(images - 1) * float(np.sqrt(variance)), 4)


def _t_975(freedom: int) -> float:
    """Return the 0.975 quantile of Student's t, to 0.3 % where there are four degrees of freedom or more.

    Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.5.
    """
    z = _NORMAL_975
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def _read_intervals(folder: Path, versions: list[str]) -> dict[str, pd.DataFrame]:
    tables = {}
    for version in versions:
        path = folder / f"{version}.csv"
        if not path.exists():
            raise DataError(f"{path} does not exist: run `dvc repro eval@{version}`")
        tables[version] = read_csv(path, "metric", "value", "low", "high")
    return tables


def _totals(tables: Mapping[str, pd.DataFrame], versions: list[str]) -> list[dict[str, Any]]:
    rows = []
    for name, metric in METRICS.items():
        row = {"name": name, "note": METRIC_NOTES.get(name), "higher_is_better": metric.higher_is_better}
        for end in ("value", "low", "high"):
            row[end] = [_number(tables[version], name, end) for version in versions]
        if any(value is not None for value in row["value"]):
            rows.append(row)
    values = pd.DataFrame({row["name"]: row["value"] for row in rows}, dtype=np.float64).T
    groups = equal_metrics(values)
    return [row | {"equal": groups[row["name"]]} for row in rows if row["name"] in groups]


def _number(table: pd.DataFrame, metric: str, column: str) -> float | None:
    if metric not in table.index or pd.isna(value := table.at[metric, column]):
        return None
    return round(float(value), 6)
