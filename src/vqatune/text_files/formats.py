"""The formats of tables that users bring: CSV and its relatives, JSON Lines, JSON, Parquet and Excel's workbooks.

What is in a cell is text and stays it: the answers 'None', 'NA', 'nan' and '' are answers like any other.
"""

import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from vqatune.errors import DataError
from vqatune.runtime.regular_files import check_regular
from vqatune.text_files.cells import DECODER, Table
from vqatune.text_files.delimited import check_names, find_delimiter, parse_rows
from vqatune.text_files.workbook import read_sheet

_BOM = b"\xef\xbb\xbf"
_MOST_EMPTY = 20
"""The most cells for each that is written."""
_LISTS = ("annotations", "questions", "data", "predictions", "results", "logs")
"""Names under which JSON files of VQA v2, OK-VQA, TextVQA, DocVQA and lmms-eval have their rows."""


def read_cells(path: Path) -> Table:
    """Read a table, its format by its suffix.

    Raises DataError, with the line or row, where it cannot be read, is not what its suffix says, or has no rows, and
    MissingExtraError where it is a workbook and what reads those is not installed.
    """
    table = _read(path)
    if not table.numbers:
        raise DataError(f"{path} has no rows")
    return table


def _read(path: Path) -> Table:
    if not path.exists():
        raise DataError(f"{path} does not exist: check its name")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it")
    try:
        check_regular(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): write what it gives to a file") from error
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if name.endswith(".parquet"):
        return _parquet(path)
    if name.endswith(".xlsx"):
        return read_sheet(path)
    if suffix not in _TEXT_FORMATS:
        raise DataError(
            f"{path}: its name does not say what it is: name it {', '.join(_TEXT_FORMATS)} "
            "(or one of these with .gz after it), .parquet or .xlsx, by what it holds"
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


def _comma_separated(path: Path, text: str) -> Table:
    """Read delimited text: what is called .csv may have any delimiter."""
    return _delimited(path, text, find_delimiter(_first_line(text)))


def _tab_separated(path: Path, text: str) -> Table:
    first = _first_line(text)
    return _delimited(path, text, "\t" if "\t" in first else find_delimiter(first))


def _first_line(text: str) -> str:
    return text[: text.find("\n") + 1] or text


def _delimited(path: Path, text: str, delimiter: str) -> Table:
    lines = list(parse_rows(path, io.StringIO(text, newline=""), delimiter))
    if not lines:
        raise DataError(f"{path} is empty: it needs a line of column names and rows after it")
    (_, header), *numbered = lines
    check_names(path, header)
    numbers, rows = [number for number, _ in numbered], [row for _, row in numbered]
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    named = {name: column for name, column in zip(header, columns, strict=True) if name.strip()}
    return Table(path, named, numbers, "line")


def _json_lines(path: Path, text: str) -> Table:
    # Not splitlines, which would also split at line separators within texts.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if not line.isspace() and line]
    rows = [_decoded(line, path, number) for number, line in lines]
    return _objects(path, text, rows, [number for number, _ in lines], "line")


def _json(path: Path, text: str) -> Table:
    rows = _decoded(text, path)
    if isinstance(rows, dict):
        rows = _rows_of_object(path, rows)
    if not isinstance(rows, list):
        raise DataError(f"{path} is not a list of objects, one a row: write it as one, or as .jsonl")
    return _objects(path, text, rows, range(1, len(rows) + 1), "row")


def _rows_of_object(path: Path, content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows in an object: the list that it holds under a common name, or its values, which its keys name.

    Keys become the column `id`; values that are no objects become the column `answer`.
    """
    lists = [name for name in _LISTS if isinstance(content.get(name), list)]
    if len(lists) > 1:
        raise DataError(
            f"{path} holds several lists ({', '.join(lists)}): write the one to read to a file of its own"
        )
    if lists:
        return content[lists[0]]
    if content and all(isinstance(row, dict) for row in content.values()):
        name = "id" if not any("id" in row for row in content.values()) else "key"
        return [{name: key} | row for key, row in content.items()]
    if any(isinstance(row, dict) for row in content.values()):
        raise DataError(
            f"{path} is not a list of objects, one a row, nor an object with one by each id: write it so"
        )
    return [{"id": key, "answer": answer} for key, answer in content.items()]


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


def _objects(path: Path, text: str, rows: list[Any], numbers: Sequence[int], unit: str) -> Table:
    names: dict[str, None] = {}
    given = 0
    escaped = re.search(r"\\u[dD][89a-fA-F]", text)
    for row, number in zip(rows, numbers, strict=True):
        if not isinstance(row, dict):
            raise DataError(
                f"{path}, {unit} {number} is not an object with the columns' names: write it as one"
            )
        names |= dict.fromkeys(row)
        given += len(row)
        if escaped:
            try:
                json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{path}, {unit} {number} holds half a character ({error.object[error.start]!a}): "
                    "write the whole of it"
                ) from error
    check_names(path, list(names))
    # A row has a cell of each name, and rows of different names would have far more than the file.
    if len(rows) * len(names) > _MOST_EMPTY * given + 10**7:
        raise DataError(
            f"{path}: its {len(rows):,} rows have {len(names):,} names, most of them in few rows: write all with the same names"
        )
    return Table(
        path, {name: [row.get(name) for row in rows] for name in names if name.strip()}, numbers, unit
    )


def _parquet(path: Path) -> Table:
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened, pre_buffer=False) as file:
            check_names(path, file.schema_arrow.names)
            wanted = [field.name for field in file.schema_arrow if not _holds_bytes(field.type)]
            # Arrow's threads may outlive the reading, and then end the process as it exits.
            table = file.read(wanted, use_threads=False)
        columns = {name: _cells(table[name]) for name in wanted if name.strip()}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not a readable Parquet file ({reason}): check it, or write it again"
        ) from error
    return Table(path, columns, range(1, table.num_rows + 1), "row")


def _holds_bytes(kind: pa.DataType) -> bool:
    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(test(kind) for test in tests) or any(map(_holds_bytes, inner))


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if types.is_floating(column.type):
        # numpy's numbers are written as short as their type allows, which is not so once a float32 is a float.
        return [None if math.isnan(number) else str(number) for number in column.to_numpy()]
    return column.to_pylist()


_TEXT_FORMATS: dict[str, Callable[[Path, str], Table]] = {
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
}
SUFFIXES = (*_TEXT_FORMATS, ".parquet", ".xlsx")
"""What the names of the files that can be read end with; .gz may follow those of text."""
