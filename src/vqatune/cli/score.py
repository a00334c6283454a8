"""`vqatune score`: score a file of predictions and references."""

import argparse
from pathlib import Path

import pandas as pd

from vqatune.cli.output_arguments import add_output_arguments, print_json, print_notes
from vqatune.cli.prediction_arguments import (
    FORMATS,
    add_prediction_arguments,
    cell_texts,
    column_of,
    read_file,
    with_grounding,
)
from vqatune.cli.score_settings import own_score_settings
from vqatune.evaluation.prediction_files.columns import IMAGE_ID
from vqatune.evaluation.scoring.slices import by_slice
from vqatune.report.terminal.scores import (
    show_scores,
    show_slices,
)
from vqatune.runtime.terminal import Terminal

FEWEST_IMAGES = 10
"""Intervals from fewer images come with a note."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "file",
        type=Path,
        help=f"{FORMATS}; a column `grounding` of numbers from 0 to 1, empty where it was "
        "not measured, gives grounding and vccs; others that are called like a metric are not used",
    )
    add_prediction_arguments(parser)
    parser.add_argument("--by", metavar="COLUMN", help="also the scores for every value of a column")
    parser.add_argument(
        "--published",
        action="store_true",
        help="vqa_accuracy and lcs_ratio as the code behind published tables computed them",
    )
    add_output_arguments(parser)


def run(chosen: argparse.Namespace) -> None:
    """Print the scores of a file."""
    file = read_file(chosen.file, chosen, chosen.on)
    by_name = None if chosen.by is None else column_of(chosen.by, file.frame, str(chosen.file))
    frame, notes = with_grounding(file)
    scores = own_score_settings().score(frame, chosen.metric, chosen.published)
    by = None
    if by_name is not None:
        by = _by_column(scores.pairs, file.frame[by_name], scores.totals["metric"].tolist())
    known = IMAGE_ID in frame.columns
    notes = [*notes, *_on_images(scores.counts["images"], known, guessed=chosen.image is None)]
    if chosen.json:
        content = {"file": str(chosen.file), "columns": file.taken, "notes": notes, "pairs": len(frame)}
        content |= {"counts": scores.counts, "published": chosen.published}
        content |= {"metrics": scores.totals, "absent": scores.absent}
        print_json(content | ({} if by is None else {"by": by}))
        return
    console = Terminal()
    print_notes((file.summary, *notes), console)
    title = f"{chosen.file.name}: {len(frame):,} pairs"
    show_scores(scores, title + (", as published" if chosen.published else ""), console)
    if by is not None:
        show_slices(by, console)


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
    table = by_slice(pairs.assign(_by=cell_texts(column)), ["_by"], metrics)
    table = table.sort_values("value", key=_in_order, kind="stable", ignore_index=True)
    return table.assign(slice=column.name)


def _in_order(values: pd.Series) -> pd.Series:
    """Return sort keys of texts: their numbers where all that are not empty are numbers."""
    texts = values.where(values != "")
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers if numbers.notna().equals(texts.notna()) else texts
