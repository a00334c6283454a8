"""The columns of a file of predictions: which one is what, and what is in their cells.

A cell is text, True or False, a number, None, or a list or object of these.
"""

import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pandas as pd

from vqatune.errors import DataError

PREDICTION, REFERENCES, DIFFICULTY, IMAGE_ID = ROLES = ("prediction", "references", "difficulty", "image_id")
"""What a column can be taken for, which is also what it is called once it is read."""

OPTIONS = {
    PREDICTION: "--prediction",
    REFERENCES: "--reference",
    DIFFICULTY: "--difficulty",
    IMAGE_ID: "--image",
}
"""The command's options that name the columns."""

At = Callable[[int], str]
"""Where a row is, in words: the file and the line."""

DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=lambda name: None if name == "NaN" else name
)
"""Reads JSON with its numbers as the text that they are; NaN, which Python writes for nothing, is nothing."""

# As _plain writes them; a name of an earlier line is taken before those of the lines after it.
_NAMES: dict[str, list[str]] = {
    PREDICTION: [
        "prediction",
        (
            "predictions predicted pred preds predictedanswer predictionanswer predanswer answerpred "
            "answerpredicted modelanswer modelprediction modeloutput modelresponse output response hypothesis "
            "generated generatedanswer generatedtext"
        ),
    ],
    REFERENCES: [
        "references reference",
        (
            "answer answers groundtruth groundtruths gt gold goldanswer label target correctanswer trueanswer "
            "referenceanswer gtanswer expected expectedanswer"
        ),
    ],
    DIFFICULTY: ["difficulty", "level"],
    IMAGE_ID: ["imageid", "image", "imagepath", "imagename", "filename", "file"],
}

_Candidate = tuple[str, tuple[str, ...]]
"""A name as _plain writes it, and the columns that go by it."""

_SHOWN_COLUMNS, _SHOWN_CHARACTERS = 20, 40


@dataclass(frozen=True)
class Columns:
    """The columns that the user names; what is None, or empty references, is guessed from common names.

    references: one column, of text or of JSON lists of texts, or several columns with a reference each. A
    difficulty or image_id of "" says that the file has none, whatever its columns are called.
    """

    prediction: str | None = None
    references: tuple[str, ...] = ()
    difficulty: str | None = None
    image_id: str | None = None


def choose_columns(names: Sequence[str], columns: Columns, where: str) -> dict[str, tuple[str, ...]]:
    """Return role → its columns of those called `names`: the ones given, for other roles those of common names.

    A name is common whatever its case, and with or without spaces, `_` and `-`. Columns called like a reference
    with a number after it (answer_1, answer_2) are several references. No column has two roles; difficulty and
    image_id are absent where there is none. `where` names the file in errors.

    Raises DataError where a given column is not there or is given twice, where no column or several of equal
    standing may be the prediction or the references, or where names differ in no more than how they are written.
    """
    chosen = _given(names, columns, where)
    taken = {name for given in chosen.values() for name in given}
    free = [name for name in names if name not in taken]
    without = {DIFFICULTY: columns.difficulty == "", IMAGE_ID: columns.image_id == ""}
    for role in ROLES:
        if role not in chosen and not without.get(role):
            chosen[role] = _guess(free, role, names, where)
    return {role: chosen[role] for role in ROLES if chosen.get(role)}


def _given(names: Sequence[str], columns: Columns, where: str) -> dict[str, tuple[str, ...]]:
    one = {PREDICTION: columns.prediction, DIFFICULTY: columns.difficulty, IMAGE_ID: columns.image_id}
    given = {role: (name,) for role, name in one.items() if name}
    if columns.references:
        given[REFERENCES] = columns.references
    seen: dict[str, str] = {}
    for role, chosen in given.items():
        for name in chosen:
            if name not in names:
                raise DataError(f"{where} has no column {name!r} ({OPTIONS[role]}); {_nearest(name, names)}")
            if name in seen:
                raise DataError(
                    f"{where}: column {name!r} is given as {OPTIONS[seen[name]]} and as {OPTIONS[role]}: "
                    "a column can be one thing only"
                )
            seen[name] = role
    return given


def _nearest(name: str, names: Sequence[str]) -> str:
    plain = {_plain(known): known for known in names}
    close = difflib.get_close_matches(_plain(name), plain, n=1)
    return f"did you mean {plain[close[0]]!r}?" if close else f"its columns: {_listed(names)}"


def _guess(free: Sequence[str], role: str, names: Sequence[str], where: str) -> tuple[str, ...]:
    candidates = [(_plain(name), (name,)) for name in free]
    if role == REFERENCES:
        candidates = _with_numbered(candidates, set(" ".join(_NAMES[role]).split()))
    for line in map(str.split, _NAMES[role]):
        found = [columns for name, columns in candidates if name in line]
        if len(found) == 1:
            return found[0]
        if found:
            either = " and ".join(", ".join(map(repr, columns)) for columns in found)
            raise DataError(
                f"{where}: {either} may each be the {role}: choose with {OPTIONS[role]} NAME "
                f"(its columns: {_listed(names)})"
            )
    if role in (DIFFICULTY, IMAGE_ID):
        return ()
    raise DataError(
        f"{where} has no column known to be the {role}: say which with {OPTIONS[role]} NAME "
        f"(its columns: {_listed(names)})"
    )


def _with_numbered(candidates: list[_Candidate], known: set[str]) -> list[_Candidate]:
    """Return the candidates, those of a known name with a number as one of that name, in the numbers' order."""
    others: list[_Candidate] = []
    numbered: dict[str, list[tuple[int, str]]] = {}
    for plain, (name,) in candidates:
        match = re.fullmatch(r"(.*?)([0-9]{1,6})", plain, re.DOTALL)
        if match and match[1] in known:
            numbered.setdefault(match[1], []).append((int(match[2]), name))
        else:
            others.append((plain, (name,)))
    for plain, group in numbered.items():
        others.append((plain, tuple(name for _, name in sorted(group, key=itemgetter(0)))))
    return others


def _listed(names: Sequence[str]) -> str:
    shown = list(map(_shortened, names[:_SHOWN_COLUMNS]))
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def as_texts(cells: Sequence[Any]) -> list[str]:
    """Return any cells as text: nothing as '', lists and objects as JSON."""
    if set(map(type, cells)) == {str}:
        return list(cells)
    return [
        json.dumps(cell, ensure_ascii=False, default=str)
        if isinstance(cell, (list, dict))
        else _text(cell) or ""
        for cell in cells
    ]


def prediction_texts(name: str, cells: Sequence[Any], at: At) -> list[str]:
    """Return the predictions in a column, a missing one as ''. Raises DataError for a list or an object."""
    return _single(name, cells, at)


def reference_lists(columns: dict[str, Sequence[Any]], at: At) -> list[list[str]]:
    """Return the references of every row, as many in each, from one column or several (name → cells).

    Raises DataError where a row has none, one that is no text, or more or fewer than the others.
    """
    if len(columns) == 1:
        [(name, cells)] = columns.items()
        found = list(map(_alternatives, cells))
        for row, several in enumerate(found):
            if not several:
                fault = (
                    "no reference" if cells[row] is None or several == [] else "a reference that is no text"
                )
                raise DataError(f"{at(row)} has {fault} in column {name!r}: write it, or leave the row out")
    else:
        single = [_single(name, cells, at) for name, cells in columns.items()]
        found = [[text for text in row if text] for row in zip(*single, strict=True)]
    counts = Counter(map(len, found))
    usual, rows = counts.most_common(1)[0]
    if len(counts) > 1:
        row = next(row for row, several in enumerate(found) if len(several) != usual)
        raise DataError(
            f"{at(row)}: unequal numbers of references: {len(found[row])} here and {usual} in most rows "
            f"({len(found) - rows} of {len(found)} differ): give every row as many"
        )
    if not usual:
        raise DataError(f"{at(0)} has no reference, and nor has any other row: name other columns")
    return found


def difficulty_numbers(name: str, cells: Sequence[Any], at: At) -> pd.Series:
    """Return the difficulties in a column as Int64, missing where a cell is empty. Raises DataError for others."""
    written = as_texts(cells)
    values: dict[str, int | None] = {}
    for text in dict.fromkeys(written):
        whole = re.fullmatch(r"\s*([+-]?[0-9]{1,9})(\.0*)?\s*", text)
        if text.strip() and not whole:
            raise DataError(
                f"{at(written.index(text))}: the difficulty in column {name!r} is {_shortened(text)!r}, not a "
                f"whole number: name another column with {OPTIONS[DIFFICULTY]} NAME, or '' for none"
            )
        values[text] = int(whole[1]) if whole else None
    return pd.Series([values[text] for text in written], dtype="Int64")


def image_texts(name: str, cells: Sequence[Any], at: At) -> list[str]:
    """Return the images in a column. Raises DataError where a cell is empty."""
    written = _single(name, cells, at)
    if "" in written:
        raise DataError(
            f"{at(written.index(''))} has no image in column {name!r}: "
            f"name another column with {OPTIONS[IMAGE_ID]} NAME, or '' for none"
        )
    return written


def _alternatives(cell: Any) -> list[str] | None:
    """Return the references in a cell, none for an empty list; None where there is nothing, or no text."""
    if isinstance(cell, list):
        return _items(cell)
    if not isinstance(cell, str) or not cell.startswith("["):
        text = _text(cell)
        return None if text is None else [text]
    try:
        items = _items(DECODER.decode(cell))
    except (ValueError, RecursionError):
        return [cell]
    # A list of something else is an answer that happens to look like one.
    return [cell] if items is None else items


def _items(cells: list) -> list[str] | None:
    found = [_text(cell.get("answer") if isinstance(cell, dict) else cell) for cell in cells]
    return None if None in found else found


def _single(name: str, cells: Sequence[Any], at: At) -> list[str]:
    for row, cell in enumerate(cells):
        if isinstance(cell, (list, dict)):
            kind = "a list" if isinstance(cell, list) else "an object"
            raise DataError(
                f"{at(row)} has {kind} in column {name!r}, where one text is wanted: name another"
            )
    return as_texts(cells)


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if cell is None or isinstance(cell, (list, dict)) or (isinstance(cell, float) and math.isnan(cell)):
        return None
    return str(cell)
