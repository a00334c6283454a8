"""All versions side by side: a table of scores and a table of losses."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.tables import read_csv


def score_history(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return a row a version with all its scores: version, number (its place, 0 for the first), the metrics.

    Raises DataError where a version has no scores yet.
    """
    rows = []
    for number, version in enumerate(versions):
        path = folder / f"{version}.json"
        if not path.exists():
            raise DataError(f"{path} does not exist: run `dvc repro eval@{version}`")
        rows.append({"version": version, "number": number} | json.loads(path.read_text(encoding="utf-8")))
    return pd.DataFrame(rows)


def loss_history(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    """Return the training logs of the versions that were tuned, one under the other: version, number, the log.

    Raises DataError where none of them was tuned.
    """
    logs = []
    for number, version in enumerate(versions):
        path = folder / version / "log.csv"
        if path.exists():
            log = read_csv(path)
            log.insert(0, "version", version)
            log.insert(1, "number", number)
            logs.append(log)
    if not logs:
        raise DataError(f"{folder} holds no training log: run `dvc repro` or `dvc pull`")
    return pd.concat(logs, ignore_index=True)
