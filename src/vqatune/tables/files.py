"""Reading and writing tables and other outputs: atomic, and the same bytes for the same rows.

A table is one Parquet file or a folder of Parquet parts; both read the same.
"""

import json
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqatune.errors import DataError
from vqatune.tables.atomic import replacing
from vqatune.tables.parts import table_parts

# Arrow's own pool keeps what has been freed: hundreds of megabytes, once a large table has been read.
pa.set_memory_pool(pa.system_memory_pool())

_nullable = {pa.int8(): pd.Int8Dtype()}
RUN_AGAIN = "run the stage that writes it again, or `dvc checkout`"
"""What to do about a damaged file."""
_ROW_GROUP = 20_000
"""Rows of a Parquet file that are written, and read, together."""


def write_table(frame: pd.DataFrame, path: Path | str, schema: pa.Schema) -> None:
    """Write the columns of `schema` to a Parquet file.

    Raises DataError where a column is missing or holds values that the schema does not admit.
    """
    with writing_table(path, schema) as write:
        write(frame)


@contextmanager
def writing_table(path: Path | str, schema: pa.Schema) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that adds rows to a Parquet file, which is there, whole, when the block ends well.

    The bytes depend on the rows alone, not on how they were cut into parts. Raises DataError as write_table does.
    """
    waiting = schema.empty_table()
    with ExitStack() as stack:

        @cache
        def file() -> pq.ParquetWriter:
            # When there is something to write: rows may be days away, and a process that is killed leaves its file.
            temporary = stack.enter_context(replacing(path))
            # Without pandas' metadata the bytes depend on the rows alone.
            return stack.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd"))

        def write(frame: pd.DataFrame) -> None:
            nonlocal waiting
            # Piece by piece, as a column of more than 2 GiB does not fit into Arrow's 32-bit offsets.
            for begin in range(0, len(frame) or 1, _ROW_GROUP):
                rows = to_arrow(frame.iloc[begin : begin + _ROW_GROUP], path, schema)
                waiting = pa.concat_tables([waiting, rows])
                if len(waiting) >= _ROW_GROUP:
                    write_group(waiting.slice(0, _ROW_GROUP))
                    waiting = waiting.slice(_ROW_GROUP)

        def write_group(rows: pa.Table) -> None:
            # In one piece, because where Parquet's pages end depends on the pieces.
            file().write_table(rows.combine_chunks())

        yield write
        if len(waiting):
            write_group(waiting)
        file()


def to_arrow(frame: pd.DataFrame, path: Path | str, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema` as Arrow's; raises DataError where one is missing or of another type."""
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise DataError(f"{path}: the table lacks the column(s) {', '.join(missing)}")
    try:
        table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{path}: a column holds values of the wrong type: {error}") from error
    return table.replace_schema_metadata(None)


def read_table(path: Path | str, schema: pa.Schema, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table (a Parquet file or a folder of parts, in name order), all columns of `schema` or some.

    Raises DataError where the file is missing, is not Parquet, or lacks a column.
    """
    wanted = columns or schema.names
    tables = [_read_part(part, wanted) for part in table_parts(path)]
    empty = pa.schema([schema.field(name) for name in wanted]).empty_table()
    return to_frame((pa.concat_tables(tables) if tables else empty).select(wanted))


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return Arrow's rows as pandas'; small integers stay such where some are missing."""
    return table.to_pandas(types_mapper=_nullable.get)


def table_columns(path: Path | str) -> list[str]:
    """Return the columns that a table of one Parquet file has; raises DataError where it is no such file."""
    try:
        return pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError) as error:
        raise unreadable(path, error) from error


def _read_part(path: Path, columns: list[str]) -> pa.Table:
    try:
        # Column by column and with a small buffer: half the memory, and hardly more time.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            check_columns(path, columns, file.schema_arrow.names)
            return file.read(columns, use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise unreadable(path, error) from error


def check_columns(path: Path, columns: Sequence[str], there: Container[str]) -> None:
    """Raise DataError where a file lacks a column."""
    missing = [name for name in columns if name not in there]
    if missing:
        raise DataError(f"{path} lacks the column(s) {', '.join(missing)}: it is not the table expected here")


def unreadable(path: Path | str, error: Exception) -> DataError:
    """Return what is said of a file that is no Parquet."""
    return DataError(f"{path} is not a readable Parquet table ({error}): run its stage again")


def write_json(value: Any, path: Path | str) -> None:
    """Write JSON with two spaces of indentation and a final newline; floats keep every digit."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path | str, *needed: str, remedy: str = RUN_AGAIN) -> dict[str, Any]:
    """Read a JSON object that a stage wrote; raises DataError where it is none, or lacks a key that is needed."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}): {remedy}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} is damaged (it holds no object): {remedy}")
    _check_needed(path, needed, value, remedy)
    return value


def write_csv(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a CSV with Unix line ends; missing values are empty fields."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: Path | str, *needed: str, remedy: str = RUN_AGAIN) -> pd.DataFrame:
    """Read a CSV that `write_csv` wrote: only an empty field is missing, so the answer 'None' stays text.

    Raises DataError where it is none, or lacks a column that is needed.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): {remedy}") from error
    _check_needed(path, needed, table.columns, remedy)
    return table


def _check_needed(path: Path | str, needed: Sequence[str], there: Container[str], remedy: str) -> None:
    missing = [name for name in needed if name not in there]
    if missing:
        raise DataError(f"{path} is damaged (it lacks {', '.join(missing)}): {remedy}")
