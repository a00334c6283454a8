"""Tables read a group of rows at a time, so that memory does not grow with them."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqatune.errors import DataError
from vqatune.tables.files import check_columns, to_frame, unreadable
from vqatune.tables.parts import table_parts

_ROWS = 20_000


def read_groups(
    path: Path | str, schema: pa.Schema, columns: list[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a table, in their order, some ten thousand at a time; all columns of `schema` or some.

    Raises DataError where a file is missing, is not Parquet, or lacks a column.
    """
    wanted = columns or schema.names
    for part in table_parts(path):
        try:
            with pq.ParquetFile(part, pre_buffer=False, buffer_size=1 << 20) as file:
                check_columns(part, wanted, file.schema_arrow.names)
                for batch in file.iter_batches(_ROWS, columns=wanted, use_threads=False):
                    yield to_frame(pa.Table.from_batches([batch]).select(wanted))
        except (pa.ArrowInvalid, OSError) as error:
            raise unreadable(part, error) from error


def sorted_groups(
    path: Path | str, schema: pa.Schema, order: list[str], columns: list[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a table as `read_groups` does, each part of it sorted.

    Raises DataError where a part is not sorted by `order`, or repeats it.
    """
    for part in table_parts(path):
        last: tuple[str, ...] | None = None
        for group in read_groups(part, schema, columns):
            keys = list(group[order].itertuples(index=False, name=None))
            for earlier, later in pairwise(keys if last is None else [last, *keys]):
                if later <= earlier:
                    raise DataError(
                        f"{part} is not sorted by {' and '.join(order)}, or has {later} twice: run the stage that writes it again"
                    )
            last = keys[-1] if keys else last
            yield group
