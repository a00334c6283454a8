"""A file of questions in chunks of rows: the questions of each, and the saved answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import Answer, check_question, parse_choices
from vqatune.inference.answering.image_folder import ImageFolder
from vqatune.inference.answering.questions_file import QuestionsFile
from vqatune.runtime.fingerprints import digest_contents
from vqatune.tables import read_table, write_table

ROWS_AT_ONCE = 512
ANSWERED = pa.schema(
    {
        "answer": pa.string(),
        "log_probability": pa.float64(),
        "share": pa.float64(),
        "problem": pa.string(),
    }
)
"""The result of a row: an answer with its log-probability and, where all choices were scored, its share; or the problem that
prevented one."""

SavedRow = tuple[str, float | None, float | None, str | None]
"""ANSWERED of a row."""


@dataclass
class Chunk:
    """Some rows, and their results so far."""

    name: str
    """Of the file of its results: the number of its first row, and a digest of its rows and images."""
    lines: list[int]
    """The first line number of each row."""
    results: list[Answer | str | None]
    """Each row's answer, or why there is none; None for rows that are not yet answered."""
    images: list[tuple[Path, list]] = field(default_factory=list)
    """Distinct images with their questions, or with questions and their choices."""
    rows: list[list[int]] = field(default_factory=list)
    """The rows of each image's questions, counted from 0."""

    def set_result(self, image: int, result: Sequence[Answer] | ImageError) -> None:
        """Set the answers about the image with this index, or its error."""
        answers: Sequence[Answer | str] = (
            [str(result)] * len(self.rows[image]) if isinstance(result, ImageError) else result
        )
        for row, answer in zip(self.rows[image], answers, strict=True):
            self.results[row] = answer

    def save(self, folder: Path) -> None:
        """Write all results; raises ValueError while a row has none."""
        rows: list[SavedRow] = []
        for line, result in zip(self.lines, self.results, strict=True):
            if result is None:
                raise ValueError(f"line {line} is not answered yet")
            if isinstance(result, str):
                rows.append(("", None, None, result))
            else:
                rows.append((result.answer, result.log_probability, result.share, None))
        frame = pd.DataFrame(rows, columns=ANSWERED.names, dtype=object)
        write_table(frame, folder / self.name, ANSWERED)

    def is_saved(self, folder: Path) -> bool:
        """Whether all results have been saved, undamaged."""
        try:
            return (folder / self.name).exists() and len(read_saved(folder / self.name)) == len(self.lines)
        except DataError:
            return False


def read_saved(path: Path) -> list[SavedRow]:
    """Return each saved row; raises DataError where the file is damaged."""
    frame = read_table(path, ANSWERED).astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


def read_chunks(file: QuestionsFile, folder: ImageFolder) -> Iterator[Chunk]:
    """Yield the rows of a file in chunks, with their images found."""
    rows = file.rows()
    first = 0
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield _chunk(first, some, file, folder)
        first += len(some)


def _chunk(first: int, rows: list[tuple[int, list[str]]], file: QuestionsFile, folder: ImageFolder) -> Chunk:
    found: dict[str, Path | ImageError] = {}
    for _, cells in rows:
        name = cells[file.image]
        if name not in found:
            try:
                found[name] = folder.find(name)
            except ImageError as error:
                found[name] = error
    states = [folder.state(path) if isinstance(path, Path) else "" for path in found.values()]
    # Digested here, as the file may change while it is read.
    columns = [column for column in (file.image, file.question, file.choices) if column is not None]
    texts = [cells[column] for _, cells in rows for column in columns]
    digest = digest_contents(text.encode(errors="surrogateescape") for text in (*states, *texts))[:16]
    chunk = Chunk(f"{first:012d}-{digest}.parquet", [line for line, _ in rows], [None] * len(rows))
    by_image: dict[Path, tuple[list, list[int]]] = {}
    for row, (_, cells) in enumerate(rows):
        try:
            question = check_question(cells[file.question])
            choices = None if file.choices is None else parse_choices(cells[file.choices])
        except DataError as error:
            chunk.results[row] = str(error)
            continue
        path = found[cells[file.image]]
        if isinstance(path, ImageError):
            chunk.results[row] = str(path)
            continue
        questions, own_rows = by_image.setdefault(path, ([], []))
        questions.append(question if choices is None else (question, choices))
        own_rows.append(row)
    chunk.images = [(path, questions) for path, (questions, _) in by_image.items()]
    chunk.rows = [own_rows for _, own_rows in by_image.values()]
    return chunk
