"""Reading a CSV of questions about images row by row: of any size, with any columns, cells unchanged."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from vqatune.errors import DataError
from vqatune.text_files.delimited import check_names, find_delimiter, parse_rows

_BOM = b"\xef\xbb\xbf"
_IMAGE = [
    *(name + part for part in ("id", "", "path", "file", "filename", "name") for name in ("image", "img")),
    *(name + part for part in ("id", "", "path", "file") for name in ("picture", "photo")),
    "path",
    "filename",
    "file",
]
_QUESTION = ["question", "questions", "questiontext", "query", "prompt"]


@dataclass(frozen=True)
class QuestionsFile:
    """The dialect, columns and size of a CSV of questions; `rows` reads it."""

    path: Path
    delimiter: str
    header: list[str]
    image: int
    """The index of the column that names the image."""
    question: int
    choices: int | None
    """The index of the column with the choices of each row."""
    count: int
    """The number of rows."""
    digest: str
    """SHA-256 of its bytes."""

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row's first line number and its cells, one per column."""
        with _reading(self.path, self.delimiter) as lines:
            next(lines, None)
            yield from lines

    def check_unchanged(self) -> None:
        """Raise DataError where the file has changed since it was opened."""
        if _digest(self.path) != self.digest:
            raise DataError(f"{self.path} was changed while it was answered: run the same again")


def open_questions(
    path: Path, image: str | None = None, question: str | None = None, choices: str | None = None
) -> QuestionsFile:
    """Read a file of questions once, to find its dialect and columns, and check and count its rows.

    Args:
        path: a CSV, in UTF-8, with a line of column names, and any delimiter (text_files.delimited.find_delimiter).
        image: the column that names the image; None for the first of common names (image_id, image, path …).
        question: the column of questions; None likewise.
        choices: the column with the choices of a row; None for none.

    Raises:
        DataError: the file cannot be read, has no rows, a row has more or fewer cells than there are columns, or a
            column is missing or there twice.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: check its name")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file of questions in it")
    if not path.is_file():
        raise DataError(
            f"{path} is no file that can be read twice: write the questions to one, and name that"
        )
    delimiter = _delimiter(path)
    count = 0
    with _reading(path, delimiter) as lines:
        _, header = next(lines, (1, []))
        if not header:
            raise DataError(f"{path} is empty: it needs a line of column names and a row a question")
        check_names(path, header)
        indices = (
            _column_index(header, image, _IMAGE, "image", "--image", path),
            _column_index(header, question, _QUESTION, "question", "--question", path),
            None
            if choices is None
            else _column_index(header, choices, [], "choices", "--choices-column", path),
        )
        if len({*indices}) < len(indices):
            raise DataError(f"{path}: a column is named for two things: it can be one only")
        for _ in lines:
            count += 1
    if not count:
        raise DataError(f"{path} has no rows: there is nothing to ask")
    return QuestionsFile(path, delimiter, header, *indices, count, _digest(path))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _reading(path: Path, delimiter: str) -> Iterator[Iterator[tuple[int, list[str]]]]:
    try:
        with path.open("rb") as file:
            yield parse_rows(path, _lines(path, file), delimiter)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if number == 1:
            line = line.removeprefix(_BOM)
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number} is not UTF-8 (byte {line[error.start]:#04x}): save it as a CSV in UTF-8"
            ) from error


def _delimiter(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return find_delimiter(next(_lines(path, file), ""))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _column_index(
    header: list[str], name: str | None, known: list[str], what: str, option: str, path: Path
) -> int:
    if name is not None:
        if name in header:
            return header.index(name)
        raise DataError(f"{path} has no column {name!r} ({option}): its columns are {_listed(header)}")
    normalised = [re.sub(r"[\s_-]+", "", column).casefold() for column in header]
    for column in known:
        if column in normalised:
            return normalised.index(column)
    raise DataError(
        f"{path} has no column known to be the {what}: say which with {option} NAME "
        f"(its columns are {_listed(header)})"
    )


def write_row(target: TextIO, cells: Iterable[str], delimiter: str) -> None:
    """Write a row of CSV with a Unix line end, quoted so that reading it gives the same cells."""
    # Python 3.11's csv does not quote carriage returns where lines end with a line feed.
    special = re.compile(f'["\r\n{re.escape(delimiter)}]')
    quoted = ('"' + cell.replace('"', '""') + '"' if special.search(cell) else cell for cell in cells)
    target.write(delimiter.join(quoted) + "\n")


def _listed(names: list[str]) -> str:
    cut = [name if len(name) <= 40 else name[:39] + "…" for name in names[:20]]
    more = len(names) - len(cut)
    return ", ".join(" ".join(name.split()) for name in cut) + (f" and {more} more" if more else "")
