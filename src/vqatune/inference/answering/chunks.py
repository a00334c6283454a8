"""Rows of a file of questions, a chunk at a time: what can be asked of them, and the answers that are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError, ImageError
from vqatune.inference.answering.answer import Answer, check_question
from vqatune.inference.answering.choices import parse_choices
from vqatune.inference.answering.picture_folder import PictureFolder
from vqatune.inference.answering.questions_file import QuestionsFile
from vqatune.runtime.fingerprints import digest_contents
from vqatune.tables import read_table, write_table

ROWS_AT_ONCE = 512
ANSWERED = pa.schema({"answer": pa.string(), "log_probability": pa.float64(), "problem": pa.string()})
"""What is said to a row; without an answer there is a problem instead of a probability."""


@dataclass
class Chunk:
    """Some rows, and what is known of their answers so far."""

    name: str
    """Of the file that its answers are kept in: its place, and what its rows and pictures are like."""
    lines: list[int]
    """The line that each row starts in."""
    said: list[Answer | str | None]
    """An answer, or why there is none, for each row; None for what is still to be asked."""
    asked: list[tuple[Path, list]] = field(default_factory=list)
    """Pictures, each once, with what is asked about them: questions, or questions with their choices."""
    rows: list[list[int]] = field(default_factory=list)
    """The rows, counted from 0, that each of the pictures is asked about in."""

    def take(self, place: int, result: Sequence[Answer] | ImageError) -> None:
        """Note what came of the picture at this place."""
        answers = [str(result)] * len(self.rows[place]) if isinstance(result, ImageError) else result
        for row, said in zip(self.rows[place], answers, strict=True):
            self.said[row] = said

    def save(self, folder: Path) -> None:
        """Keep what is said, all of it."""
        rows = [
            ("", None, said) if isinstance(said, str) else (said.answer, said.log_probability, None)
            for said in self.said
        ]
        frame = pd.DataFrame(rows, columns=ANSWERED.names, dtype=object)
        write_table(frame, folder / self.name, ANSWERED)

    def is_kept(self, folder: Path) -> bool:
        """Whether all that is said has been kept, undamaged."""
        try:
            return (folder / self.name).exists() and len(read_kept(folder / self.name)) == len(self.lines)
        except DataError:
            return False


def read_kept(path: Path) -> list[tuple[str, float | None, str | None]]:
    """Return answer, log-probability and problem of each row that was kept; raises DataError where it is damaged."""
    frame = read_table(path, ANSWERED).astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


def read_chunks(file: QuestionsFile, pictures: PictureFolder) -> Iterator[Chunk]:
    """Yield the rows of a file in chunks, with their pictures found."""
    rows = file.rows()
    first = 0
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield _chunk(first, some, file, pictures)
        first += len(some)


def _chunk(
    first: int, rows: list[tuple[int, list[str]]], file: QuestionsFile, pictures: PictureFolder
) -> Chunk:
    found: dict[str, Path | ImageError] = {}
    for _, cells in rows:
        name = cells[file.image]
        if name not in found:
            try:
                found[name] = pictures.find(name)
            except ImageError as error:
                found[name] = error
    states = [pictures.state(path) if isinstance(path, Path) else "" for path in found.values()]
    # The file may be changed while it is read.
    columns = [place for place in (file.image, file.question, file.choices) if place is not None]
    texts = [cells[place] for _, cells in rows for place in columns]
    digest = digest_contents(text.encode(errors="surrogateescape") for text in (*states, *texts))[:16]
    chunk = Chunk(f"{first:012d}-{digest}.parquet", [line for line, _ in rows], [None] * len(rows))
    asked: dict[Path, tuple[list, list[int]]] = {}
    for row, (_, cells) in enumerate(rows):
        try:
            question = check_question(cells[file.question])
            choices = None if file.choices is None else parse_choices(cells[file.choices])
        except DataError as error:
            chunk.said[row] = str(error)
            continue
        path = found[cells[file.image]]
        if isinstance(path, ImageError):
            chunk.said[row] = str(path)
            continue
        questions, places = asked.setdefault(path, ([], []))
        questions.append(question if choices is None else (question, choices))
        places.append(row)
    chunk.asked = [(path, questions) for path, (questions, _) in asked.items()]
    chunk.rows = [places for _, places in asked.values()]
    return chunk
