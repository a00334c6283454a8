"""Files of predictions as arguments of commands: which columns and other files they are read with."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.prediction_files.columns import ROLES, Columns
from vqatune.evaluation.prediction_files.reading import PredictionsFile, read_predictions

FILE_OPTIONS = ("prediction", "reference", "difficulty", "image", "references", "questions", "on")
"""The options that only files of predictions have."""
FORMATS = "CSV, TSV, JSON Lines, JSON, Parquet or Excel's .xlsx"


def add_prediction_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the arguments that say what is where in files of predictions, to a parser or a group."""
    parser.add_argument(
        "--prediction", metavar="NAME", help="the column of predictions; guessed if not given"
    )
    parser.add_argument(
        "--reference",
        metavar="NAME",
        action="append",
        default=[],
        help="the column of references, of texts or of lists; may be given several times",
    )
    parser.add_argument("--difficulty", metavar="NAME", help="the column of difficulties; '' for none")
    parser.add_argument(
        "--image", metavar="NAME", help="the column of images, by which intervals are made; '' for none"
    )
    parser.add_argument(
        "--references",
        metavar="FILE",
        type=Path,
        help="the references are in this file, found by id, as the annotations of VQA v2, TextVQA, VizWiz, GQA and "
        "OK-VQA",
    )
    parser.add_argument(
        "--questions",
        metavar="FILE",
        type=Path,
        help="a file with the questions and images of --references, found by id",
    )
    parser.add_argument(
        "--on",
        metavar="NAME",
        help="the column of ids, such as question_id; NAME=NAME where it is called otherwise in the second file; "
        "guessed if not given",
    )


def read_file(path: Path, chosen: argparse.Namespace, on: str | None) -> PredictionsFile:
    """Read a file of predictions as the arguments say; raises what read_predictions raises."""
    columns = Columns(chosen.prediction, tuple(chosen.reference), chosen.difficulty, chosen.image)
    return read_predictions(path, columns, chosen.references, chosen.questions, on)


def column_of(name: str, frame: pd.DataFrame, path: str) -> str:
    """Return the frame's column that the user calls `name`, for --by; raises DataError where there is none."""
    # A column that has a role's name but not the role has another name in the frame.
    found = f"{name}_text" if name in ROLES and name not in frame.columns else name
    if found not in frame.columns:
        raise DataError(f"{path} has no column {name!r}: --by takes {', '.join(frame.columns)}")
    return found


def cell_texts(column: pd.Series) -> list[str]:
    """Return the cells of a column that scores are broken down by as text: a list of one as it, others as JSON."""
    return [_cell_text(cell) for cell in column]


def _cell_text(cell: Any) -> str:
    if isinstance(cell, list):
        return cell[0] if len(cell) == 1 else json.dumps(cell, ensure_ascii=False)
    return "" if cell is pd.NA else str(cell)


def with_grounding(file: PredictionsFile) -> tuple[pd.DataFrame, list[str]]:
    """Return the pairs without columns called like a metric, but with a `grounding` of numbers; and the notes."""
    frame = file.frame.drop(columns=[name for name in file.frame.columns if name in METRICS])
    taken = {name for names in file.taken.values() for name in names}
    if "grounding" not in file.frame.columns or "grounding" in taken:
        return frame, file.notes
    written = file.frame["grounding"]
    numbers = pd.to_numeric(written, errors="coerce").astype("float64")
    others = written[(written != "") & ~numbers.between(0, 1)]
    if len(others):
        note = f"column 'grounding' is not used: it holds {others.iloc[0][:40]!r}, which is no number from 0 to 1"
        return frame, [*file.notes, note]
    return frame.assign(grounding=numbers), file.notes
