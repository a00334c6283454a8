"""Results kept part by part while they come, so that interrupted work goes on where it was."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.tables import read_table, write_table


@dataclass(frozen=True)
class Parts:
    """The rows so far, in a folder of Parquet files, each named after how much was done when it was written."""

    folder: Path
    """Its name is a key of everything that the rows depend on."""
    schema: pa.Schema

    def save(self, done: int, rows: list[tuple]) -> None:
        """Keep the rows that have come since the last part."""
        frame = pd.DataFrame(rows, columns=self.schema.names)
        write_table(frame, self.folder / f"{done:09d}.parquet", self.schema)

    def load(self) -> tuple[list[tuple], int]:
        """Return the rows kept, in order, and how much is done; a damaged part and those after it are dropped."""
        rows, done = [], 0
        for path in sorted(self.folder.glob("[0-9]*.parquet")):
            try:
                frame = read_table(path, self.schema)
            except DataError as error:
                print(f"{error}; what comes after it is done again", file=sys.stderr)
                break
            # pandas has no missing number but NaN.
            frame = frame.astype(object).where(frame.notna(), None)
            rows += frame.itertuples(index=False, name=None)
            done = int(path.stem)
        for path in self.folder.glob("[0-9]*.parquet"):
            if int(path.stem) > done:
                path.unlink()
        return rows, done
