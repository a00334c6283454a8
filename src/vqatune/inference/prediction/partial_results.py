"""Partial results on disk, from which interrupted work resumes."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.tables import read_table, write_table

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PartialResults:
    """The rows so far, in a folder of Parquet files, each named after the number of micro-batches done by then."""

    folder: Path
    """Its name is a key of everything that determines the rows."""
    schema: pa.Schema

    def save(self, done: int, rows: list[tuple]) -> None:
        """Write the rows that are new since the last call."""
        frame = pd.DataFrame(rows, columns=self.schema.names)
        write_table(frame, self.folder / f"{done:09d}.parquet", self.schema)

    def load(self) -> tuple[list[tuple], int]:
        """Return the saved rows, in order, and how much is done; a damaged file and those after it are deleted."""
        rows, done = [], 0
        for path in sorted(self.folder.glob("[0-9]*.parquet")):
            try:
                frame = read_table(path, self.schema)
            except DataError as error:
                _logger.warning("%s; what comes after it is done again", error)
                break
            # Missing numbers are NaN in pandas.
            frame = frame.astype(object).where(frame.notna(), None)
            rows += frame.itertuples(index=False, name=None)
            done = int(path.stem)
        for path in self.folder.glob("[0-9]*.parquet"):
            if int(path.stem) > done:
                path.unlink()
        return rows, done
