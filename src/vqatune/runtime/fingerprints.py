"""Work in progress, kept in `.work/` under a key of everything that determines it, so that it is never served stale.

Checkpoints, predictions so far and the vision tower's states lie there (other modules keep their own).
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

_ROWS = 100_000


def make_key(**parts: Any) -> str:
    """Return a key of values that JSON can hold, 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def digest_table(frame: pd.DataFrame, columns: list[str]) -> str:
    """Return a digest of some columns, row by row in order."""
    digest = hashlib.sha256()
    for column in columns:
        # Some at a time: a batch may have millions of pairs.
        for start in range(0, len(frame), _ROWS):
            texts = "\x1f".join(map(str, frame[column].iloc[start : start + _ROWS]))
            digest.update((("\x1f" if start else "") + texts).encode())
        digest.update(b"\x1e")
    return digest.hexdigest()


def digest_contents(contents: Iterable[bytes]) -> str:
    """Return a digest of contents, in order."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def digest_folder(folder: Path) -> str:
    """Return a digest of all files in a folder, with their names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(str(path.relative_to(folder)).encode()).digest())
    for path in paths:
        # Not read as a whole: a base model may have 14 GB.
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def digest_states(paths: Iterable[Path]) -> str:
    """Return a digest of the names, sizes and times of change of files, of a folder all that it holds; nothing is read."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                state = file.stat()
                digest.update(
                    f"{file}\x1f{state.st_size}\x1f{state.st_mtime_ns}\n".encode(errors="surrogateescape")
                )
    return digest.hexdigest()
