"""All versions side by side: tables of scores, of losses, and the curves that are drawn of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError, ParameterError
from vqatune.evaluation.metrics import METRICS
from vqatune.params.versions import BASE, BLIND
from vqatune.tables import read_csv, read_json

FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS.values()))
"""The families of metrics, each of which has a plot with bands."""
VALIDATION, _VALIDATION_PAIRS = "validation_", "validation_pairs"
"""Before the name of a score that is of the validation set."""


def in_chain(versions: Sequence[str]) -> list[str]:
    """Return base and the versions tuned from it: all but the blind guess."""
    return [name for name in versions if name != BLIND]


def version_numbers(versions: Sequence[str]) -> dict[str, int | None]:
    """Return each version's place in the chain, 0 for the base; the blind guess has none."""
    return {name: None for name in versions} | {name: place for place, name in enumerate(in_chain(versions))}


def score_history(folder: Path, versions: Sequence[str], best_by: str) -> pd.DataFrame:
    """Return a row a version with all its scores.

    The columns are version, number (its place in the chain, 0 for the base), the metrics and counts on the test set and,
    where there is a validation set, validation_<best_by> and validation_pairs. The blind guess stands in no chain and
    has no number.

    Raises:
        DataError: a version has no scores yet.
        ParameterError: `best_by` is not a score on the validation set, or one of which neither end is the better.
    """
    rows = []
    for version, number in version_numbers(versions).items():
        scores = _read_scores(folder / f"{version}.json", version)
        validation = _read_scores(folder / "validation" / f"{version}.json", version)
        if validation["pairs"]:
            scores |= {
                VALIDATION + best_by: validation.get(best_by),
                _VALIDATION_PAIRS: validation["pairs"],
            }
            _check_chooses(best_by, version, validation)
        rows.append({"version": version, "number": number} | scores)
    history = pd.DataFrame(rows).astype({"number": "Int64"})
    # A version may have scores that the first one has not.
    scores = [name for name in METRICS if name in history.columns]
    others = [name for name in history.columns if name not in (*scores, "version", "number")]
    others.sort(key=lambda name: name.startswith(VALIDATION))
    return history[["version", "number", *scores, *others]]


@dataclass(frozen=True)
class Best:
    """The version that the validation set chooses."""

    version: str
    metric: str
    """The metric that it is the best by."""
    value: float
    """Its value of the metric on the validation set."""
    pairs: int
    """Of the validation set."""


def best_version(history: pd.DataFrame) -> Best | None:
    """Return the best of base and the versions by validation, the earliest of equal ones; None without a validation set.

    history: of `score_history`. The test set has no part in it.
    """
    names = [name for name in history.columns if name.startswith(VALIDATION) and name != _VALIDATION_PAIRS]
    chain = history[history["version"] != BLIND]
    if not names or chain[names[0]].isna().all():
        return None
    column, values = names[0], chain[names[0]]
    metric = column.removeprefix(VALIDATION)
    row = chain.loc[values.idxmax() if METRICS[metric].higher_is_better else values.idxmin()]
    return Best(row["version"], metric, float(row[column]), int(row[_VALIDATION_PAIRS]))


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
        table = read_csv(
            _existing(folder / "intervals" / f"{version}.csv", version), "metric", "value", "low", "high"
        )
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
        table = read_csv(
            _existing(folder / "by" / f"{version}.csv", version), "slice", "value", "exact_match", "pairs"
        )
        table = table[table["slice"] == "difficulty"].rename(columns={"value": "difficulty"})
        tables.append(table.assign(version=version, number=number).astype({"number": "Int64"}))
    columns = ["version", "number", "difficulty", "exact_match", "pairs"]
    return pd.concat(tables, ignore_index=True)[columns]


def loss_history(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return the training logs of the versions that were tuned, one under the other: version, number, the log.

    It is empty where the chain is the base alone. Raises DataError where none of its versions was tuned.
    """
    if in_chain(versions) == [BASE]:
        return pd.DataFrame(columns=["version", "number", "step", "loss", "smoothed_loss"])
    logs = []
    for number, version in enumerate(in_chain(versions)):
        path = folder / version / "log.csv"
        if path.exists():
            log = read_csv(path, "step", "loss")
            log.insert(0, "version", version)
            log.insert(1, "number", number)
            logs.append(log)
    if not logs:
        raise DataError(f"{folder} holds no training log: run `dvc repro` or `dvc pull`")
    return pd.concat(logs, ignore_index=True)


_SCORES = (
    *(("", "json"), ("by/", "csv"), ("confusion/", "csv"), ("intervals/", "csv"), ("validation/", "json")),
    *(("tasks/", "json"), ("tasks/", "csv"), ("tasks/curves/", "csv")),
)
"""The folders of a version's scores in metrics/, and the kinds of their files."""


def remove_gone_versions(root: Path, versions: Sequence[str]) -> list[Path]:
    """Delete scores and predictions of versions that the chain has no more, and return their paths.

    Git and DVC's cache have them still; adapters in models/ stay.
    """
    scores = [f"metrics/{folder}v*.{kind}" for folder, kind in _SCORES]
    predictions = [f"data/predictions/{folder}v*.parquet" for folder in ("", "tasks/", "validation/")]
    gone = [
        path
        for pattern in (*scores, *predictions)
        for path in sorted(root.glob(pattern))
        if re.fullmatch(r"v[1-9]\d*", path.stem) and path.stem not in versions
    ]
    for path in gone:
        path.unlink()
    return gone


def _existing(path: Path, version: str) -> Path:
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro eval@{version}`")
    return path


def _read_scores(path: Path, version: str) -> dict[str, float | int]:
    return read_json(_existing(path, version), remedy=f"run `dvc repro -s -f eval@{version}`")


def _check_chooses(best_by: str, version: str, validation: dict[str, float | int]) -> None:
    """Raise ParameterError where a version cannot be the best by a score on the validation set; the blind guess never is."""
    choices = [name for name, metric in METRICS.items() if metric.higher_is_better is not None]
    known = [name for name in choices if name in validation]
    if best_by not in known and version != BLIND:
        raise ParameterError(
            f"eval.best_by: {best_by!r} is not a score of {version} on the validation set: choose from {', '.join(known)}"
        )
