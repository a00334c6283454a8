"""Files of predictions side by side: the pairs that all of them have, so that they can be compared pair by pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import composed
from vqatune.evaluation.prediction_files.columns import common_ids, question_column, shortened
from vqatune.evaluation.prediction_files.reading import PredictionsFile


@dataclass(frozen=True, eq=False)
class SharedPairs:
    """The pairs that all files have.

    frames: file → its pairs (PredictionsFile.frame), all in the order of the first file and with a new index, with
        image_id and difficulty as the first file that has them.
    identity: the columns that tell a pair, in the first frame.
    notes: by what pairs were found in the other files, and how many pairs of each file are left out, and why.
    """

    frames: dict[str, pd.DataFrame]
    identity: list[str]
    notes: list[str]


def shared_pairs(files: Mapping[str, PredictionsFile], on: str | None = None) -> SharedPairs:
    """Find the pairs that all files have, with the same references and, where all have one, the same question.

    Args:
        files: name → file, two or more.
        on: the column of ids in all files. None for common names; without one a pair is found by its image and
            question, and without these by its place, where all files have the same references in the same order.

    Raises DataError where a file has no such column, two of its pairs have the same id, or no pair is in all files.
    """
    names = list(files)
    frames = {name: file.frame for name, file in files.items()}
    questions = [question_column(list(frame.columns)) for frame in frames.values()]
    with_questions = [name for name in questions if name] if all(questions) else []
    keys, by, identity = _keys(frames, files, on, with_questions)
    asked = dict(zip(names, with_questions, strict=True)) if with_questions else {}
    contents = {
        name: dict(zip(keys[name], _contents(frame, asked.get(name)), strict=True))
        for name, frame in frames.items()
    }
    first = contents[names[0]]
    kept = [
        key
        for key in keys[names[0]]
        if all(key in content and content[key] == first[key] for content in contents.values())
    ]
    if not kept:
        raise DataError(
            f"no pair is in all of {', '.join(names)} with the same references (by {by}): name the column of ids "
            "that they share with --on NAME"
        )
    chosen = {}
    for name, frame in frames.items():
        rows = {key: row for row, key in enumerate(keys[name])}
        chosen[name] = frame.take([rows[key] for key in kept]).reset_index(drop=True)
    for column in ("image_id", "difficulty"):
        source = next((frame[column] for frame in chosen.values() if column in frame.columns), None)
        if source is not None:
            chosen = {name: frame.assign(**{column: source}) for name, frame in chosen.items()}
    notes = [f"pairs are found by {by}: {len(kept):,} are in all files", *_left_out(contents, set(kept))]
    known = [name for name in dict.fromkeys(identity) if name in chosen[names[0]].columns]
    return SharedPairs(chosen, known, notes)


_Key = tuple[str, ...]
_Content = tuple[list[str], str]


def _keys(
    frames: Mapping[str, pd.DataFrame],
    files: Mapping[str, PredictionsFile],
    on: str | None,
    questions: Sequence[str],
) -> tuple[dict[str, list[_Key]], str, list[str]]:
    """Return what each row of each file is known by, what that is called, and the first file's columns of it."""
    shown = ["image_id", *questions[:1]]
    if on is not None:
        for name, frame in frames.items():
            if on not in frame.columns:
                raise DataError(
                    f"{name} has no column {on!r} (--on): its columns: {', '.join(frame.columns)}"
                )
        keys = {name: _column_keys(frame, [on]) for name, frame in frames.items()}
        for name, found in keys.items():
            if repeated := _repeated(found):
                raise DataError(
                    f"{name} has the {on} {shortened(repeated[0])!r} more than once: keep one of them, or name another "
                    "column with --on NAME"
                )
        return keys, on, [on, *shown]
    for columns in common_ids([_own_columns(file) for file in files.values()]):
        keys = {
            name: _column_keys(frame, [column])
            for (name, frame), column in zip(frames.items(), columns, strict=True)
        }
        if not any(map(_repeated, keys.values())):
            return keys, " = ".join(dict.fromkeys(columns)), [columns[0], *shown]
    if questions and all("image_id" in frame.columns for frame in frames.values()):
        keys = {
            name: _column_keys(frame, ["image_id", question])
            for (name, frame), question in zip(frames.items(), questions, strict=True)
        }
        if not any(map(_repeated, keys.values())):
            return keys, "image and question", shown
    references = [_sorted_references(frame) for frame in frames.values()]
    if any(texts != references[0] for texts in references):
        raise DataError(
            f"{', '.join(frames)} share no column of ids without repetitions, and have other references or another "
            "order of them: name the column of ids that they share with --on NAME"
        )
    return (
        {name: [(str(row),) for row in range(len(frame))] for name, frame in frames.items()},
        "their place",
        shown,
    )


def _own_columns(file: PredictionsFile) -> list[str]:
    """Return the file's columns less those that were taken for predictions and references."""
    taken = {name for role in ("prediction", "references") for name in file.taken[role]}
    return [
        name for name in file.frame.columns if name not in taken | {"prediction", "references", "difficulty"}
    ]


def _column_keys(frame: pd.DataFrame, columns: Sequence[str]) -> list[_Key]:
    parts = [[composed(str(cell)) for cell in frame[name]] for name in columns]
    return list(zip(*parts, strict=True))


def _repeated(keys: Sequence[_Key]) -> _Key | None:
    seen: set[_Key] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


def _contents(frame: pd.DataFrame, question: str | None) -> list[_Content]:
    """Return what must be the same in all files: the references, in whatever order, and the question."""
    asked = (
        [""] * len(frame)
        if question is None
        else [" ".join(composed(text).split()) for text in frame[question]]
    )
    return list(zip(_sorted_references(frame), asked, strict=True))


def _sorted_references(frame: pd.DataFrame) -> list[list[str]]:
    return [sorted(map(composed, texts)) for texts in frame["references"]]


def _left_out(contents: Mapping[str, Mapping[_Key, _Content]], kept: set[_Key]) -> list[str]:
    """Return a line for each file with pairs that are left out: how many, and why."""
    lines = []
    for name, content in contents.items():
        reasons: dict[str, int] = {}
        for key in content.keys() - kept:
            lacking = next((other for other, others in contents.items() if key not in others), None)
            reason = f"not in {lacking}" if lacking else "with another question or other references elsewhere"
            reasons[reason] = reasons.get(reason, 0) + 1
        if reasons:
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
            lines.append(f"{name}: {sum(reasons.values()):,} of {len(content):,} pairs left out: {why}")
    return lines
