"""Rows on their way from the parts of one table to those of another: a file with what goes to each of them.

Every part of the one writes a file of buckets; a part of the other reads its bucket of all these files.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.tables.atomic import replacing
from vqatune.tables.files import to_arrow, to_frame

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


@contextmanager
def writing_buckets(
    path: Path | str, schema: pa.Schema, count: int
) -> Iterator[Callable[[pd.DataFrame | pa.Table, np.ndarray], None]]:
    """Give a function that adds rows, each to a bucket (from 0 to count − 1), to a file that is whole when the block ends well.

    Raises DataError where a column is missing or holds values that the schema does not admit.
    """
    with replacing(path) as temporary, pa.ipc.new_file(str(temporary), schema, options=_OPTIONS) as file:

        def write(rows: pd.DataFrame | pa.Table, buckets: np.ndarray) -> None:
            order = np.argsort(buckets, kind="stable")
            table = rows if isinstance(rows, pa.Table) else to_arrow(rows, path, schema)
            table = table.take(order).combine_chunks()
            bounds = np.searchsorted(buckets[order], np.arange(count + 1)).tolist()
            for begin, end in itertools.pairwise(bounds):
                batches = table.slice(begin, end - begin).to_batches()
                # Of no rows, too: the place of a batch in the file says which bucket it is of.
                file.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema))

        yield write


def read_bucket(paths: Iterable[Path | str], schema: pa.Schema, bucket: int, count: int) -> pd.DataFrame:
    """Return the rows of one bucket in several files, in the order of files and of what was written to them."""
    return to_frame(read_bucket_table(paths, schema, bucket, count))


def read_bucket_table(paths: Iterable[Path | str], schema: pa.Schema, bucket: int, count: int) -> pa.Table:
    """Return the rows as `read_bucket` does, as Arrow's."""
    return pa.Table.from_batches(_batches(paths, bucket, count), schema)


def _batches(paths: Iterable[Path | str], bucket: int, count: int) -> Iterator[pa.RecordBatch]:
    for path in paths:
        try:
            with pa.OSFile(str(path)) as source:
                file = pa.ipc.open_file(source)
                for number in range(bucket, file.num_record_batches, count):
                    yield file.get_batch(number)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} is damaged ({error}): delete it and run its stage again") from error
