"""The files that hold a checkpoint's weights: where they are, and the dtype that they are stored in."""

from collections.abc import Sequence
from functools import reduce
from math import prod
from pathlib import Path, PurePath
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from safetensors import safe_open

from vqatune.models.folder_files.json_files import VOCABULARY, read_object

ONE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
"""Names the file of every weight, where there are several files (shards)."""
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def find_weights(source: str | Path, **hub: Any) -> list[Path]:
    """Return the files of a checkpoint's weights in safetensors, in the order of their names.

    Args:
        source: a folder, or a name on the hub, whose files are fetched where they are not here.
        hub: `revision`, for a name on the hub.

    Raises:
        OSError: a file is missing, here and on the hub.
        ValueError: the index is damaged, or names no file of the checkpoint.
    """
    one_file = find_file(source, ONE_FILE, **hub)
    if one_file is not None:
        return [one_file]
    index = find_file(source, INDEX, **hub)
    if index is None:
        raise FileNotFoundError(f"it has no {ONE_FILE} and no {INDEX} that is here or can be fetched")
    names = _shards(index)
    found = {name: find_file(source, name, **hub) for name in names}
    missing = [name for name in names if found[name] is None]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(names)} files that {INDEX} names are missing, such as {missing[0]}: get the "
            "checkpoint again"
        )
    return [path for path in found.values() if path is not None]


def stored_dtype(files: Sequence[Path]) -> torch.dtype:
    """Return the narrowest of float16, bfloat16 and float32 that holds what the files hold, by their headers."""
    kinds: set[str] = set()
    for path in files:
        with safe_open(path, "pt") as file:
            names = file.keys()
            kinds.update(file.get_slice(name).get_dtype() for name in names)
    dtypes = [_DTYPES.get(kind, torch.float32) for kind in kinds if "F" in kind]
    return reduce(torch.promote_types, dtypes) if dtypes else torch.float32


def stored_numbers(files: Sequence[Path]) -> int:
    """Return how many numbers the tensors of files have, by their headers."""
    total = 0
    for path in files:
        with safe_open(path, "pt") as file:
            total += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return total


def find_file(source: str | Path, name: str, **hub: Any) -> Path | None:
    """Return the path of a checkpoint's file, None where there is none; arguments and errors are those of `find_weights`."""
    if Path(source).is_dir():
        path = Path(source) / name
        return path if path.is_file() else None
    try:
        return Path(hf_hub_download(str(source), name, **hub))
    except EntryNotFoundError:
        return None


def _shards(index: Path) -> list[str]:
    try:
        written = read_object(index, VOCABULARY)
        names = sorted({str(name) for name in written["weight_map"].values()})
        written["metadata"]  # transformers reads it
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{INDEX} is damaged ({type(error).__name__}: {error}): get the checkpoint again"
        ) from error
    if not names:
        raise ValueError(f"{INDEX} names no file: get the checkpoint again")
    for name in names:
        if PurePath(name).name != name:
            raise ValueError(f"{INDEX} names {name}, which is no file beside it: get the checkpoint again")
    return names
