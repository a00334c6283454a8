"""Reading the stages' counts and tables for the report."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.tables import read_csv


def read_counts(path: Path, stage: str, *needed: str) -> dict[str, Any]:
    """Return a stage's JSON of counts.

    Raises DataError where it does not exist, is damaged, or lacks something that is needed.
    """
    try:
        counts = json.loads(_existing(path, stage).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): run `dvc repro -s -f {stage}`") from error
    _check(path, stage, needed, counts if isinstance(counts, dict) else {})
    return counts


def read_rows(path: Path, stage: str, *needed: str) -> pd.DataFrame:
    """Return a stage's CSV.

    Raises DataError where it does not exist, is damaged, has no row, or lacks a column that is needed.
    """
    try:
        table = read_csv(_existing(path, stage))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}): run `dvc repro -s -f {stage}`") from error
    _check(path, stage, needed, table.columns)
    if table.empty:
        raise DataError(f"{path} has no row: run `dvc repro -s -f {stage}`")
    return table


def _existing(path: Path, stage: str) -> Path:
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro {stage}`")
    return path


def _check(path: Path, stage: str, needed: tuple[str, ...], there: Any) -> None:
    missing = [name for name in needed if name not in there]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}: run `dvc repro -s -f {stage}`")
