"""Reading any file of predictions: CSV, JSON Lines, JSON or Parquet, whatever its columns are called.

What is in a cell is text and stays it: the answers 'None', 'NA', 'nan' and '' are answers like any other.
"""

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import (
    DIFFICULTY,
    IMAGE_ID,
    PREDICTION,
    REFERENCES,
    ROLES,
    Columns,
    choose_columns,
)
from vqatune.evaluation.prediction_files.value_parsing import (
    DECODER,
    as_texts,
    difficulty_numbers,
    image_texts,
    prediction_texts,
    reference_lists,
)
from vqatune.text_files.delimited import check_names, parse_rows

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class PredictionsFile:
    """The pairs in a file of predictions.

    frame: a row a pair in the file's order: prediction (text), references (a list of one text or more, as many in
    every row), difficulty (Int64) and image_id (text) where the file has them; then every column of the file under
    its own name, as text. A column that is called like one of these four and was not taken for it has `_text` after
    its name.
    taken: prediction, references, difficulty, image_id → the file's columns that were taken for it.
    notes: a line for each peculiarity of the file that the user should know.
    """

    frame: pd.DataFrame
    taken: dict[str, tuple[str, ...]]
    notes: list[str]

    @property
    def summary(self) -> str:
        """Which columns were taken for what, such as 'prediction: pred, references: gt'."""
        return ", ".join(f"{role}: {' + '.join(names)}" for role, names in self.taken.items())


@dataclass(frozen=True, eq=False)
class _Table:
    """The cells of a file by column, and the number of the line or row that each row of cells stands in."""

    path: Path
    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int]
    unit: str

    def at(self, row: int) -> str:
        return f"{self.path}, {self.unit} {self.numbers[row]}"


def read_predictions(path: Path | str, columns: Columns | None = None) -> PredictionsFile:
    """Read a file of predictions, its format by its suffix, its columns as given or guessed from common names.

    A missing prediction (a null of JSON or Parquet) is the empty answer, and counted in a note. A column of
    references holds text, or lists of texts: JSON or Python's in a cell that starts with `[`, or lists of JSON or
    Parquet, also of objects with an `answer`. Of several columns of references each holds one, and an empty cell is
    none. Numbers become the text that they are in the file, Parquet's as Python writes them. Columns of bytes or
    without a name are left out; so are, with a note, guessed columns with a difficulty that is not a whole number or
    without an image somewhere.

    Raises DataError, with the line or row, where the file cannot be read or is not what its suffix says, where it
    is not plain which column is what, where it has no rows, where a row has another number of cells or of
    references than the others or no reference, where a difficulty in a given column is not a whole number, or an
    image in one has no name.
    """
    table = _read(Path(path))
    if not table.numbers:
        raise DataError(f"{path} has no rows: there is nothing to score")
    found = table.columns
    columns = columns or Columns()
    chosen = choose_columns(list(found), columns, str(path))
    [answers], names = chosen[PREDICTION], chosen[REFERENCES]
    references, notes = reference_lists({name: found[name] for name in names}, table.at)
    if missing := sum(cell is None for cell in found[answers]):
        notes.insert(0, f"{missing} missing predictions count as empty answers")
    if len(names) > 1:
        chosen[REFERENCES] = tuple(name for name in names if any(as_texts(found[name])))
        empty = [name for name in names if name not in chosen[REFERENCES]]
        notes += [f"column {name!r} is empty in every row: it gives no references" for name in empty]
    frame = {PREDICTION: prediction_texts(answers, found[answers], table.at), REFERENCES: references}
    optional = {
        DIFFICULTY: (columns.difficulty, difficulty_numbers),
        IMAGE_ID: (columns.image_id, image_texts),
    }
    for role, (given, read) in optional.items():
        for name in chosen.get(role, ()):
            try:
                frame[role] = read(name, found[name], table.at)
            except DataError as error:
                # A guess from the column's name alone may be wrong.
                if given:
                    raise
                del chosen[role]
                notes.append(f"column {name!r} is not used as the {role}: {error}")
    for name in found:
        if name in chosen.get(name, ()):
            continue
        kept = name
        while kept in ROLES or (kept != name and kept in found):
            kept += "_text"
        if kept != name:
            notes.append(f"column {name!r} was not taken for the {name}: it is called {kept!r} here")
        frame[kept] = as_texts(found[name])
    return PredictionsFile(pd.DataFrame(frame), chosen, notes)


def _read(path: Path) -> _Table:
    if not path.exists():
        raise DataError(f"{path} does not exist: check its name")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file of predictions in it")
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if name.endswith(".parquet"):
        return _parquet(path)
    if suffix not in _TEXT_FORMATS:
        raise DataError(
            f"{path}: its name does not say what it is: name it {', '.join(_TEXT_FORMATS)} "
            "(or one of these with .gz after it) or .parquet, by what it holds"
        )
    return _TEXT_FORMATS[suffix](path, _text(path))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or no gzip file ({error}): pack it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    start = len(_BOM) if content.startswith(_BOM) else 0
    try:
        return str(memoryview(content)[start:], "utf-8")
    except UnicodeDecodeError as error:
        position = start + error.start
        line = content.count(b"\n", 0, position) + 1
        raise DataError(
            f"{path}, line {line} is not UTF-8 (byte {content[position]:#04x} at position {position}): "
            "save the file as UTF-8"
        ) from error


def _delimited(path: Path, text: str, delimiter: str) -> _Table:
    lines = list(parse_rows(path, io.StringIO(text, newline=""), delimiter))
    if not lines:
        raise DataError(f"{path} is empty: it needs a line of column names and a row a prediction")
    (_, header), *numbered = lines
    check_names(path, header)
    numbers, rows = [number for number, _ in numbered], [row for _, row in numbered]
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    named = {name: column for name, column in zip(header, columns, strict=True) if name.strip()}
    return _Table(path, named, numbers, "line")


def _json_lines(path: Path, text: str) -> _Table:
    # Not splitlines, which would also split at line separators within texts.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if not line.isspace() and line]
    rows = [_decoded(line, path, number) for number, line in lines]
    return _objects(path, text, rows, [number for number, _ in lines], "line")


def _json(path: Path, text: str) -> _Table:
    rows = _decoded(text, path)
    if not isinstance(rows, list):
        raise DataError(f"{path} is not a list of objects, one a prediction: write it as one, or as .jsonl")
    return _objects(path, text, rows, range(1, len(rows) + 1), "row")


def _decoded(text: str, path: Path, line: int | None = None) -> Any:
    """Return the value of JSON text: of a line or, with None, of the whole file."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        hint = (
            "; a file with an object a line is .jsonl" if error.msg == "Extra data" and line is None else ""
        )
        raise DataError(
            f"{path}, line {line or error.lineno} is not JSON ({error.msg} at character {error.colno}){hint}"
        ) from error
    except RecursionError as error:
        raise DataError(f"{path}, line {line or 1} holds lists in too many lists") from error


def _objects(path: Path, text: str, rows: list[Any], numbers: Sequence[int], unit: str) -> _Table:
    names: dict[str, None] = {}
    escaped = re.search(r"\\u[dD][89a-fA-F]", text)
    for row, number in zip(rows, numbers, strict=True):
        if not isinstance(row, dict):
            raise DataError(
                f"{path}, {unit} {number} is not an object with the columns' names: write it as one"
            )
        names |= dict.fromkeys(row)
        if escaped:
            try:
                json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{path}, {unit} {number} holds half a character ({error.object[error.start]!a}): "
                    "write the whole of it"
                ) from error
    return _Table(
        path, {name: [row.get(name) for row in rows] for name in names if name.strip()}, numbers, unit
    )


def _parquet(path: Path) -> _Table:
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            check_names(path, file.schema_arrow.names)
            wanted = [field.name for field in file.schema_arrow if not _holds_bytes(field.type)]
            table = file.read(wanted)
        columns = {name: _cells(table[name]) for name in wanted if name.strip()}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not a readable Parquet file ({reason}): check it, or write it again"
        ) from error
    return _Table(path, columns, range(1, table.num_rows + 1), "row")


def _holds_bytes(kind: pa.DataType) -> bool:
    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(test(kind) for test in tests) or any(map(_holds_bytes, inner))


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if types.is_floating(column.type):
        # numpy's numbers are written as short as their type allows, which is not so once a float32 is a float.
        return [None if math.isnan(number) else str(number) for number in column.to_numpy()]
    return column.to_pylist()


_TEXT_FORMATS: dict[str, Callable[[Path, str], _Table]] = {
    ".csv": lambda path, text: _delimited(path, text, ","),
    ".tsv": lambda path, text: _delimited(path, text, "\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
}
