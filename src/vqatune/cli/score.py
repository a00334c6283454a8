"""`vqatune score`: score a file of predictions and references."""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from vqatune.cli.output_arguments import add_output_arguments, print_json
from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.prediction_files.columns import IMAGE_ID, ROLES, Columns
from vqatune.evaluation.prediction_files.reading import PredictionsFile, read_predictions
from vqatune.evaluation.scoring.score import SEED, score
from vqatune.evaluation.scoring.slices import by_slice
from vqatune.params import Params, load_params
from vqatune.report.terminal.scores import (
    show_scores,
    show_slices,
)

STORE = Path(".work/scores")
FEWEST_IMAGES = 10
"""Intervals from fewer images come with a note."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "file",
        type=Path,
        help="CSV, TSV, JSON Lines, JSON or Parquet; a column `grounding` of numbers from 0 to 1, empty where it was "
        "not measured, gives grounding and vccs; others that are called like a metric are not used",
    )
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
    parser.add_argument("--by", metavar="COLUMN", help="also the scores for every value of a column")
    parser.add_argument(
        "--published",
        action="store_true",
        help="vqa_accuracy and lcs_ratio as the code behind published tables computed them",
    )
    add_output_arguments(parser)


def run(chosen: argparse.Namespace) -> None:
    """Print the scores of a file."""
    columns = Columns(chosen.prediction, tuple(chosen.reference), chosen.difficulty, chosen.image)
    file = read_predictions(chosen.file, columns)
    # A column that has a role's name but not the role has another name in the frame.
    by_name = f"{chosen.by}_text" if chosen.by in ROLES and chosen.by not in file.frame.columns else chosen.by
    if chosen.by is not None and by_name not in file.frame.columns:
        raise DataError(
            f"{chosen.file} has no column {chosen.by!r}: --by takes {', '.join(file.frame.columns)}"
        )
    frame, notes = _with_grounding(file)
    params = _own_params()
    scores = score(
        frame,
        chosen.metric,
        params=params.eval if params else None,
        compute=params.compute if params else None,
        store=STORE if params else None,
        seed=params.seed if params else SEED,
        published=chosen.published,
    )
    by = None
    if chosen.by is not None:
        by = _by_column(scores.pairs, file.frame[by_name], scores.totals["metric"].tolist())
    known = IMAGE_ID in frame.columns
    notes = [*notes, *_on_images(scores.counts["images"], known, guessed=chosen.image is None)]
    if chosen.json:
        content = {"file": str(chosen.file), "columns": file.taken, "notes": notes, "pairs": len(frame)}
        content |= {"counts": scores.counts, "published": chosen.published}
        content |= {"metrics": scores.totals, "absent": scores.absent}
        print_json(content | ({} if by is None else {"by": by}))
        return
    console = Console()
    for line in (file.summary, *notes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    title = f"{chosen.file.name}: {len(frame):,} pairs"
    show_scores(scores, title + (", as published" if chosen.published else ""), console)
    if by is not None:
        show_slices(by, console)


def _with_grounding(file: PredictionsFile) -> tuple[pd.DataFrame, list[str]]:
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


def _on_images(images: int, known: bool, guessed: bool) -> list[str]:
    """Return notes on the images that the intervals are made from.

    known: whether the file says which image a pair is about; guessed: whether the column of images was not named.
    """
    notes = []
    if guessed and not known:
        notes.append(
            "no image column: every pair counts as an image of its own in the intervals; name it with --image"
        )
    if images < FEWEST_IMAGES:
        notes.append(f"intervals from {images} image{'' if images == 1 else 's'} say little")
    return notes


def _by_column(pairs: pd.DataFrame, column: pd.Series, metrics: list[str]) -> pd.DataFrame:
    """Return the scores by the values of a column (slices.by_slice), the empty value last."""
    # Under a name of its own, as the column may be called like a metric.
    table = by_slice(pairs.assign(_by=[_as_text(cell) for cell in column]), ["_by"], metrics)
    table = table.sort_values("value", key=_in_order, kind="stable", ignore_index=True)
    return table.assign(slice=column.name)


def _as_text(cell: Any) -> str:
    if isinstance(cell, list):
        return cell[0] if len(cell) == 1 else json.dumps(cell, ensure_ascii=False)
    return "" if cell is pd.NA else str(cell)


def _in_order(values: pd.Series) -> pd.Series:
    """Return sort keys of texts: their numbers where all that are not empty are numbers."""
    texts = values.where(values != "")
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers if numbers.notna().equals(texts.notna()) else texts


def _own_params() -> Params | None:
    """Return the parameters of the repository that this is run in; None outside of it."""
    # Other projects that use DVC have a params.yaml, too.
    return load_params() if Path("stages/eval.py").exists() else None
