"""Tables that hold the bytes of their pictures: Parquet, and datasets of Hugging Face, on the Hub or saved."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from vqatune.errors import DataError
from vqatune.params import RawParams
from vqatune.runtime.extras import naming_extras
from vqatune.text_files.delimited import check_names

_ROWS = 500


def holds_pictures(path: Path, columns: list[str]) -> bool:
    """Return whether a table is Parquet with bytes in one of these columns."""
    return bool(set(byte_columns(path)) & set(columns))


def byte_columns(path: Path) -> list[str]:
    """Return the columns of bytes, or of Hugging Face's {bytes, path}, of a Parquet file; of any other file none."""
    if not path.name.lower().endswith(".parquet") or not path.is_file():
        return []
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file ({' '.join(str(error).split())})") from error
    return [field.name for field in schema if _holds_bytes(field.type)]


def _holds_bytes(kind: pa.DataType) -> bool:
    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    if types.is_struct(kind):
        return any(field.name == "bytes" and _is_bytes(field.type) for field in kind)
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return types.is_binary(kind) or types.is_large_binary(kind)


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, pictures and all, with the names of classes where Hugging Face's are in it.

    Raises DataError where it cannot be read.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            check_names(path, file.schema_arrow.names)
            classes = _classes(file.schema_arrow.metadata or {})
            for batch in file.iter_batches(_ROWS, use_threads=False):
                yield from (_with_classes(row, classes) for row in batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file ({' '.join(str(error).split())})") from error


def _classes(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return column → names of its classes, which Hugging Face writes into the file's metadata."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: kind["names"] for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _with_classes(row: dict[str, Any], classes: dict[str, list[str]]) -> dict[str, Any]:
    for name, names in classes.items():
        if isinstance(row.get(name), int):
            row[name] = names[row[name]] if 0 <= row[name] < len(names) else None
    return row


def open_dataset(params: RawParams) -> list[Any]:
    """Return the splits of a dataset (datasets.Dataset each), with pictures as the bytes that they are.

    Raises DataError where it is not there, or has no such split; MissingExtraError without the package datasets.
    """
    with naming_extras():
        import datasets
    name = params.dataset.name
    try:
        if params.path:
            loaded = datasets.load_from_disk(params.path)
        else:
            loaded = datasets.load_dataset(name, params.dataset.config, revision=params.dataset.revision)
    # What the package and what it downloads with raise is of many kinds.
    except Exception as error:
        raise DataError(
            f"the dataset {params.path or name} cannot be loaded ({type(error).__name__}: {' '.join(str(error).split())}): "
            "check its name, raw.dataset, and the network"
        ) from error
    splits = dict(loaded) if isinstance(loaded, dict) else {params.dataset.split or "all": loaded}
    if params.dataset.split and params.dataset.split not in splits:
        raise DataError(
            f"the dataset {params.path or name} has no split {params.dataset.split!r}; it has {', '.join(splits)}"
        )
    chosen = [splits[params.dataset.split]] if params.dataset.split else list(splits.values())
    return [_undecoded(split, datasets) for split in chosen]


def _undecoded(split: Any, datasets: Any) -> Any:
    for name, feature in split.features.items():
        if isinstance(feature, datasets.Image):
            split = split.cast_column(name, datasets.Image(decode=False))
        elif isinstance(getattr(feature, "feature", None), datasets.Image):
            split = split.cast_column(name, datasets.List(datasets.Image(decode=False)))
    return split


def picture_features(split: Any) -> list[str]:
    """Return the columns of pictures of a split that `open_dataset` returned."""
    return [
        name
        for name, feature in split.features.items()
        if type(feature).__name__ == "Image" or type(getattr(feature, "feature", None)).__name__ == "Image"
    ]


def dataset_rows(params: RawParams) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset, with the names of classes instead of their numbers; raises as open_dataset."""
    for split in open_dataset(params):
        classes = {
            name: feature.names
            for name, feature in split.features.items()
            if type(feature).__name__ == "ClassLabel"
        }
        yield from (_with_classes(row, classes) for row in split)


def picture_in(cell: Any) -> tuple[str | None, bytes | None]:
    """Return the file name and the bytes of a cell: bytes, or Hugging Face's {bytes, path}."""
    if isinstance(cell, bytes):
        return None, cell
    if not isinstance(cell, dict):
        return None, None
    path, content = cell.get("path"), cell.get("bytes")
    if content is None and path and Path(path).is_file():
        content = Path(path).read_bytes()
    return (re.split(r"[\\/]", path)[-1] if path else None), content
