"""The commands `vqatune score` and `vqatune compare`: any predictions scored, and versions side by side."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from vqatune.errors import DataError, VqatuneError
from vqatune.evaluation.columns import IMAGE_ID, ROLES, Columns
from vqatune.evaluation.compare import CHANGE, check_same_test, compare
from vqatune.evaluation.files import PredictionsFile, read_predictions
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.revisions import read_version
from vqatune.evaluation.scoring import SEED, score
from vqatune.evaluation.slices import by_slice
from vqatune.evaluation.version import VersionScores, score_version
from vqatune.params import Params, load_params
from vqatune.report.scores import (
    show_comparison,
    show_scores,
    show_slices,
    show_versions,
    to_json,
)
from vqatune.tables import write_csv

STORE = Path(".work/scores")
FEWEST_IMAGES = 10
"""Intervals from fewer images come with a note."""


def run_score(chosen: argparse.Namespace) -> None:
    """Print the scores of a file."""
    columns = Columns(chosen.prediction, tuple(chosen.reference), chosen.difficulty, chosen.image)
    file = read_predictions(chosen.file, columns)
    # A column that was not taken for what it is called like has another name in the frame.
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
    notes = [*notes, *_on_images(scores.counts["images"], known, asked=chosen.image is None)]
    if chosen.json:
        content = {"file": str(chosen.file), "columns": file.taken, "notes": notes, "pairs": len(frame)}
        content |= {"counts": scores.counts, "published": chosen.published}
        content |= {"metrics": scores.totals, "absent": scores.absent}
        _print_json(content | ({} if by is None else {"by": by}))
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
        said = f"column 'grounding' is not used: it holds {others.iloc[0][:40]!r}, which is no number from 0 to 1"
        return frame, [*file.notes, said]
    return frame.assign(grounding=numbers), file.notes


def _on_images(images: int, known: bool, asked: bool) -> list[str]:
    """Return notes on what the intervals are made from.

    known: whether the file says which image a pair is about; asked: whether its user left that to us.
    """
    notes = []
    if asked and not known:
        notes.append(
            "no image column: every pair counts as an image of its own in the intervals; name it with --image"
        )
    if images < FEWEST_IMAGES:
        notes.append(f"intervals from {images} image{'' if images == 1 else 's'} say little")
    return notes


def _by_column(pairs: pd.DataFrame, column: pd.Series, metrics: list[str]) -> pd.DataFrame:
    """Return the scores by the values of a column (slices.by_slice), what is empty last."""
    # Under a name of its own, as the column may be called like a metric.
    table = by_slice(pairs.assign(_by=[_as_text(cell) for cell in column]), ["_by"], metrics)
    table = table.sort_values("value", key=_in_order, kind="stable", ignore_index=True)
    return table.assign(slice=column.name)


def _as_text(cell: Any) -> str:
    if isinstance(cell, list):
        return cell[0] if len(cell) == 1 else json.dumps(cell, ensure_ascii=False)
    return "" if cell is pd.NA else str(cell)


def _in_order(values: pd.Series) -> pd.Series:
    """Return what to sort texts by: their numbers where all that are not empty are numbers."""
    texts = values.where(values != "")
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers if numbers.notna().equals(texts.notna()) else texts


def run_compare(chosen: argparse.Namespace) -> None:
    """Print what differs between two versions, or the scores of several."""
    names = list(dict.fromkeys(chosen.versions))
    if len(names) < 2 <= len(chosen.versions):
        times = "twice" if len(chosen.versions) == 2 else f"{len(chosen.versions)} times"
        raise DataError(
            f"{' and '.join(chosen.versions)} are the same version {times}: name two versions, such as "
            "`vqatune compare v7 v13`"
        )
    if len(names) < 2:
        raise DataError("compare takes two versions or more, such as `vqatune compare v7 v13`")
    if chosen.changed and len(names) > 2:
        raise DataError(f"--changed goes with two versions; these are {len(names)}")
    params = load_params()
    if len(names) > 2:
        _compare_several(names, params, chosen)
    else:
        _compare_two(*names, params, chosen)


def _compare_two(first: str, second: str, params: Params, chosen: argparse.Namespace) -> None:
    metrics = None if chosen.metric is None else [CHANGE, *chosen.metric]
    scored = _score_versions([first, second], params, metrics)
    found = compare(*(version for _, version in scored), params.eval.resamples, params.seed)
    if chosen.metric is not None:
        found = replace(found, metrics=found.metrics[found.metrics["metric"].isin(chosen.metric)])
    if chosen.changed:
        try:
            write_csv(found.changed, chosen.changed)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{chosen.changed} cannot be written ({reason}): name another file") from error
    if chosen.json:
        content = {"first": first, "second": second, "metrics": found.metrics, "absent": found.absent}
        _print_json(content | {"slices": found.slices, "changed": found.changed})
    else:
        show_comparison(found, first, second, Console())


def _compare_several(names: list[str], params: Params, chosen: argparse.Namespace) -> None:
    # Not the pairs, which of many versions would not fit into memory.
    tables = {name: scored.intervals() for name, scored in _score_versions(names, params, chosen.metric)}
    if chosen.json:
        _print_json(tables)
    else:
        show_versions(tables, Console())


def _score_versions(
    names: list[str], params: Params, metrics: list[str] | None
) -> Iterator[tuple[str, VersionScores]]:
    """Yield every version's name and scores; raises DataError where one has another test set than the first."""
    first = None
    for name in names:
        predictions, test = read_version(name, Path())
        first = first or test
        check_same_test(first.pairs, test.pairs, (names[0], name))
        try:
            scored = score_version(predictions, test, params, STORE, metrics)
        except VqatuneError as error:
            raise type(error)(f"{name}: {error}") from error
        yield name, scored


def _own_params() -> Params | None:
    """Return the parameters of the repository that this is run in; None outside of it."""
    # Others that use DVC have a params.yaml, too.
    return load_params() if Path("stages/eval.py").exists() else None


def _print_json(content: Any) -> None:
    # JSON has escapes for what the terminal's encoding has not.
    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    print(to_json(content, escape_all=not unicode))
