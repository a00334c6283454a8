"""All versions side by side: tables of scores, of losses, and the curves that are drawn of them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.params.versions import BLIND
from vqatune.tables import read_csv

FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS.values()))
"""The families of metrics, each of which has a plot with bands."""


def in_chain(versions: Sequence[str]) -> list[str]:
    """Return base and the versions tuned from it: all but the blind guess."""
    return [name for name in versions if name != BLIND]


def version_numbers(versions: Sequence[str]) -> dict[str, int | None]:
    """Return each version's place in the chain, 0 for the base; the blind guess has none."""
    return {name: None for name in versions} | {name: place for place, name in enumerate(in_chain(versions))}


def score_history(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return a row a version with all its scores: version, number (its place in the chain, 0 for the base), the metrics.

    The blind guess stands in no chain and has no number. Raises DataError where a version has no scores yet.
    """
    rows = []
    for version, number in version_numbers(versions).items():
        path = _existing(folder / f"{version}.json", version)
        rows.append({"version": version, "number": number} | json.loads(path.read_text(encoding="utf-8")))
    history = pd.DataFrame(rows).astype({"number": "Int64"})
    # A version may have scores that the first one has not.
    scores = [name for name in METRICS if name in history.columns]
    others = [name for name in history.columns if name not in (*scores, "version", "number")]
    return history[["version", "number", *scores, *others]]


def score_curves(folder: Path, versions: Sequence[str], family: str) -> pd.DataFrame:
    """Return a family's scores over the versions: version, number, metric, value, low, high.

    The blind guess has no number, as in `score_history`: it is drawn as a line across. Left out are BARTScore, whose
    scale is that of no other metric, and a metric that is absent.

    Raises DataError where a version has no scores yet.
    """
    wanted = [
        name for name, metric in METRICS.items() if metric.family == family and metric.lowest > float("-inf")
    ]
    tables = []
    for version, number in version_numbers(versions).items():
        table = read_csv(_existing(folder / "intervals" / f"{version}.csv", version))
        table = table[table["metric"].isin(wanted) & table["value"].notna()]
        tables.append(table.assign(version=version, number=number).astype({"number": "Int64"}))
    columns = ["version", "number", "metric", "value", "low", "high"]
    return pd.concat(tables, ignore_index=True)[columns]


def difficulty_curves(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return the exact match at each difficulty over the versions: version, number, difficulty, exact_match, pairs.

    The blind guess has no number, as in `score_history`. Raises DataError where a version has no scores yet.
    """
    tables = []
    for version, number in version_numbers(versions).items():
        table = read_csv(_existing(folder / "by" / f"{version}.csv", version))
        table = table[table["slice"] == "difficulty"].rename(columns={"value": "difficulty"})
        tables.append(table.assign(version=version, number=number).astype({"number": "Int64"}))
    columns = ["version", "number", "difficulty", "exact_match", "pairs"]
    return pd.concat(tables, ignore_index=True)[columns]


def loss_history(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return the training logs of the versions that were tuned, one under the other: version, number, the log.

    Raises DataError where none of them was tuned.
    """
    logs = []
    for number, version in enumerate(in_chain(versions)):
        path = folder / version / "log.csv"
        if path.exists():
            log = read_csv(path)
            log.insert(0, "version", version)
            log.insert(1, "number", number)
            logs.append(log)
    if not logs:
        raise DataError(f"{folder} holds no training log: run `dvc repro` or `dvc pull`")
    return pd.concat(logs, ignore_index=True)


def remove_gone_versions(root: Path, versions: Sequence[str]) -> list[Path]:
    """Delete scores and predictions of versions that the chain has no more, and return their paths.

    Git and DVC's cache have them still; adapters in models/ stay.
    """
    folders = {
        "metrics": "json",
        "metrics/by": "csv",
        "metrics/confusion": "csv",
        "metrics/intervals": "csv",
        "data/predictions": "parquet",
    }
    gone = [
        path
        for folder, suffix in folders.items()
        for path in sorted((root / folder).glob(f"v*.{suffix}"))
        if re.fullmatch(r"v[1-9]\d*", path.stem) and path.stem not in versions
    ]
    for path in gone:
        path.unlink()
    return gone


def _existing(path: Path, version: str) -> Path:
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro eval@{version}`")
    return path
