"""Predictions and references from different files, found by an id: as VQA v2, TextVQA, VizWiz, GQA and OK-VQA have them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import composed
from vqatune.evaluation.prediction_files.columns import (
    Columns,
    choose_answers,
    choose_references,
    common_ids,
    listed,
    shortened,
)
from vqatune.evaluation.prediction_files.value_parsing import as_texts
from vqatune.text_files.cells import Table

Place = Callable[[int], str]
"""Describes the place of a row: the file and the line."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Rows of several files side by side, in the order of the predictions.

    columns: the cells by column. A column of predictions that is called like one of the references is called
        `predictions.NAME`, and one of questions that is called like another is left out.
    places: column → what describes the place of a row in the file that the column is from.
    chosen: the columns that the user named, with those of predictions and references.
    notes: by which columns the files were joined, and how many rows of each have no partner.
    """

    columns: dict[str, Sequence[Any]]
    places: dict[str, Place]
    chosen: Columns
    notes: list[str]


def join_files(
    predictions: Table, references: Table, questions: Table | None, columns: Columns, on: str | None
) -> Joined:
    """Find the references of predictions, and what a file of questions says about them, by their ids.

    Args:
        predictions: a row a prediction; one without references is left out.
        references: a row a pair; one without a prediction is left out.
        questions: a row a pair; pairs without one have empty cells.
        columns: those that the user names: prediction is of the first file, references are of the second.
        on: the column of ids in all files, or that of the predictions and that of the others with `=` between them;
            None for common names. Ids are compared as texts in Unicode's NFC.

    Raises DataError where a file has no column of ids, a row has none, two rows have the same, or no prediction has
    references.
    """
    names = list(predictions.columns)
    answers = choose_answers(names, columns, str(predictions.path))
    truths = choose_references(list(references.columns), columns, str(references.path))
    own, theirs = id_columns([predictions, references], on)
    rows, known = rows_by_id(predictions, own), rows_by_id(references, theirs)
    common = [name for name in rows if name in known]
    if not common:
        raise DataError(
            f"no {own} in {predictions.path} is a {theirs} in {references.path} (such as {_first(rows)} and "
            f"{_first(known)}): name the columns of ids with --on NAME or --on NAME=NAME"
        )
    notes = [_on_partners((own, theirs), rows, known)]
    found: dict[str, Sequence[Any]] = {}
    places: dict[str, Place] = {}
    _add(found, places, references, [known[name] for name in common], {})
    renamed = {name: f"predictions.{name}" for name in names if name in references.columns}
    _add(
        found,
        places,
        predictions,
        [rows[name] for name in common],
        renamed,
        without=own if own == theirs else "",
    )
    if questions is not None:
        [_, theirs] = id_columns([predictions, questions], on)
        asked = rows_by_id(questions, theirs)
        if missing := [name for name in common if name not in asked]:
            notes.append(
                f"{len(missing)} of {len(common)} pairs are not in {questions.path} (the first: {shortened(missing[0])!r})"
            )
        partners = [asked.get(name) for name in common]
        _add(found, places, questions, partners, {name: "" for name in questions.columns if name in found})
    chosen = Columns(renamed.get(answers, answers), truths, columns.difficulty, columns.image_id)
    return Joined(found, places, chosen, notes)


def id_columns(tables: Sequence[Table], on: str | None) -> tuple[str, ...]:
    """Return each file's column of ids: as `on` says (see join_files), or the likeliest of common names.

    Raises DataError where a file has no such column.
    """
    if on is None:
        found = common_ids([list(table.columns) for table in tables])
        if found:
            return found[0]
        held = "; ".join(f"{table.path}: {listed(list(table.columns))}" for table in tables)
        raise DataError(
            f"no column is known to hold the ids that join the files: name it with --on NAME ({held})"
        )
    first, equals, second = on.partition("=")
    names = (on,) * len(tables)
    if equals and any(on not in table.columns for table in tables):
        names = (first, *[second] * (len(tables) - 1))
    for table, name in zip(tables, names, strict=True):
        if name not in table.columns:
            raise DataError(
                f"{table.path} has no column {name!r} (--on): its columns: {listed(list(table.columns))}"
            )
    return names


def rows_by_id(table: Table, column: str) -> dict[str, int]:
    """Return the row of each id of a file, in its order. Raises DataError where one is missing or there twice."""
    found: dict[str, int] = {}
    for row, name in enumerate(map(composed, as_texts(table.columns[column]))):
        if not name:
            raise DataError(
                f"{table.at(row)} has no id in column {column!r}: write it, or name another with --on NAME"
            )
        if name in found:
            raise DataError(
                f"{table.at(row)} has the {column} {shortened(name)!r} of {table.at(found[name])} again: "
                "keep one of them, or name another column with --on NAME"
            )
        found[name] = row
    return found


def _on_partners(columns: tuple[str, str], rows: dict[str, int], known: dict[str, int]) -> str:
    by = columns[0] if columns[0] == columns[1] else f"{columns[0]} = {columns[1]}"
    parts = []
    for what, ours, theirs in (("predictions", rows, known), ("references", known, rows)):
        alone = [name for name in ours if name not in theirs]
        first = f" (the first: {shortened(alone[0])!r})" if alone else ""
        parts.append(f"{len(alone):,} of {len(ours):,} {what}{first}")
    left_out = "" if rows.keys() == known.keys() else ", and are left out"
    return f"joined by {by}: {' and '.join(parts)} have no partner{left_out}"


def _add(
    found: dict[str, Sequence[Any]],
    places: dict[str, Place],
    table: Table,
    rows: Sequence[int | None],
    renamed: Mapping[str, str],
    without: str = "",
) -> None:
    """Add the columns of a file in an order of rows, under other names where given; those named '' are left out."""

    def place(row: int) -> str:
        original = rows[row]
        return str(table.path) if original is None else table.at(original)

    for name, cells in table.columns.items():
        if name != without and (label := renamed.get(name, name)):
            found[label] = [None if row is None else cells[row] for row in rows]
            places[label] = place


def _first(ids: dict[str, int]) -> str:
    return repr(shortened(next(iter(ids))))
