"""A CSV of questions about pictures, read row by row: any size, any columns, every cell as it is."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from vqatune.errors import DataError
from vqatune.text_files.delimited import check_names, parse_rows

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t|"
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
    """What a CSV of questions is like; `rows` reads it."""

    path: Path
    delimiter: str
    header: list[str]
    image: int
    """The place of the column that says which picture."""
    question: int
    choices: int | None
    """The place of the column with the choices of a row."""
    count: int
    """How many rows there are."""
    digest: str
    """SHA-256 of its bytes."""

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line that each row starts in, and its cells, as many as there are columns."""
        with _reading(self.path, self.delimiter) as lines:
            next(lines, None)
            yield from lines

    def check_unchanged(self) -> None:
        """Raise DataError where the file is not what it was when it was opened."""
        if _digest(self.path) != self.digest:
            raise DataError(f"{self.path} was changed while it was answered: run the same again")


def open_questions(
    path: Path, image: str | None = None, question: str | None = None, choices: str | None = None
) -> QuestionsFile:
    """Read a file of questions once, from beginning to end, and say what it is like.

    Args:
        path: a CSV, in UTF-8, with a line of column names; its delimiter is the comma, semicolon, tab or bar that
            is in that line most often.
        image: the column that says which picture; None for the first of common names (image_id, image, path …).
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
        places = (
            _place(header, image, _IMAGE, "image", "--image", path),
            _place(header, question, _QUESTION, "question", "--question", path),
            None if choices is None else _place(header, choices, [], "choices", "--choices-column", path),
        )
        if len({*places}) < len(places):
            raise DataError(f"{path}: a column is named for two things: it can be one only")
        for _ in lines:
            count += 1
    if not count:
        raise DataError(f"{path} has no rows: there is nothing to ask")
    return QuestionsFile(path, delimiter, header, *places, count, _digest(path))


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
            first = next(_lines(path, file), "")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    unquoted = re.sub('"[^"]*"', "", first)
    return max(_DELIMITERS, key=unquoted.count)


def _place(header: list[str], given: str | None, known: list[str], what: str, option: str, path: Path) -> int:
    if given is not None:
        if given in header:
            return header.index(given)
        raise DataError(f"{path} has no column {given!r} ({option}): its columns are {_listed(header)}")
    plain = [re.sub(r"[\s_-]+", "", name).casefold() for name in header]
    for name in known:
        if name in plain:
            return plain.index(name)
    raise DataError(
        f"{path} has no column known to be the {what}: say which with {option} NAME "
        f"(its columns are {_listed(header)})"
    )


def write_row(target: TextIO, cells: Iterable[str], delimiter: str) -> None:
    """Write a row so that it is read with the same cells; its line ends as in Unix."""
    # Python 3.11's csv leaves carriage returns without quotes where lines do not end with them.
    special = re.compile(f'["\r\n{re.escape(delimiter)}]')
    quoted = ('"' + cell.replace('"', '""') + '"' if special.search(cell) else cell for cell in cells)
    target.write(delimiter.join(quoted) + "\n")


def _listed(names: list[str]) -> str:
    cut = [name if len(name) <= 40 else name[:39] + "…" for name in names[:20]]
    more = len(names) - len(cut)
    return ", ".join(" ".join(name.split()) for name in cut) + (f" and {more} more" if more else "")
