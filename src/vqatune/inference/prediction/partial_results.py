"""Partial results on disk, from which interrupted work resumes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.tables import read_table, write_table

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartialResults:
    """The rows so far, in a folder of Parquet files.

    Each is named after the number of micro-batches done by then, and the digest of the pictures that its rows are of
    (`ImageReader.digest`).
    """

    folder: Path
    """Its name is a key of everything that determines the rows but the pictures."""
    schema: pa.Schema

    def save(self, done: int, rows: list[tuple], pictures: int) -> None:
        """Write the rows that are new since the last call, with the digest of their pictures."""
        frame = pd.DataFrame(rows, columns=self.schema.names)
        write_table(frame, self.folder / f"{done:09d}-{pictures:032x}.parquet", self.schema)

    def load(self, digest: Callable[[int, int], int]) -> tuple[list[tuple], int]:
        """Return the saved rows, in order, and how much is done.

        A file that is damaged, or of other pictures than there are now, is deleted, and so are those after it.

        Args:
            digest: returns that of the pictures, as they are now, of the micro-batches from a number up to another.
        """
        rows: list[tuple] = []
        done = 0
        for path in sorted(self.folder.glob("[0-9]*.parquet")):
            upto, pictures = path.stem.split("-")
            if digest(done, int(upto)) != int(pictures, 16):
                _logger.warning("%s is of other pictures; what comes after it is done again", path)
                break
            try:
                frame = read_table(path, self.schema)
            except DataError as error:
                _logger.warning("%s; what comes after it is done again", error)
                break
            # Missing numbers are NaN in pandas.
            frame = frame.astype(object).where(frame.notna(), None)
            rows += frame.itertuples(index=False, name=None)
            done = int(upto)
        for path in self.folder.glob("[0-9]*.parquet"):
            if int(path.stem.split("-")[0]) > done:
                path.unlink()
        return rows, done
