"""Reading the stages' counts and tables for the report."""

from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.tables import read_csv, read_json


def read_counts(path: Path, stage: str, *needed: str) -> dict[str, Any]:
    """Return a stage's JSON of counts.

    Raises DataError where it does not exist, is damaged, or lacks something that is needed.
    """
    return read_json(_existing(path, stage), *needed, remedy=f"run `dvc repro -s -f {stage}`")


def read_rows(path: Path, stage: str, *needed: str) -> pd.DataFrame:
    """Return a stage's CSV.

    Raises DataError where it does not exist, is damaged, has no row, or lacks a column that is needed.
    """
    table = read_csv(_existing(path, stage), *needed, remedy=f"run `dvc repro -s -f {stage}`")
    if table.empty:
        raise DataError(f"{path} has no row: run `dvc repro -s -f {stage}`")
    return table


def _existing(path: Path, stage: str) -> Path:
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro {stage}`")
    return path
