"""Folders that are prepared once: one for the same inputs stays, with the edits to its card.

A part is there whole or not at all; `.prepared.json` in it says what it was prepared from.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqatune.errors import DataError
from vqatune.tables import replacing_folder, write_json

RECORD = ".prepared.json"
CARD = "README.md"


def prepare_part(folder: Path, key: str, write: Callable[[Path], None]) -> bool:
    """Have a folder hold what `write` writes into an empty one; return whether that had to be done.

    No other process may prepare the same folder meanwhile.

    Args:
        folder: new, empty, or prepared before.
        key: of everything that the content depends on; with the same key a folder is left as it is.
        write: gets an empty folder.

    Raises:
        DataError: the folder holds something else, cannot be written, or has a card that was edited, or a file that was
            put there, and that would be lost.
    """
    try:
        record = _record(folder)
        if record and record["key"] == key and _is_whole(folder, record):
            return False
        if record and (folder / CARD).exists() and _digest(folder / CARD) != record["card"]:
            raise DataError(
                f"{folder / CARD} was edited after it was prepared, and what it was prepared from has changed since: move "
                "it away, and publish again"
            )
        if record and (added := sorted(part_files(folder).keys() - record["files"].keys())):
            raise DataError(
                f"{folder / added[0]} was put there after the folder was prepared, which is to be prepared anew: move "
                "it away, and publish again"
            )
        _remove_unfinished(folder)
        with replacing_folder(folder) as unfinished:
            write(unfinished)
            sizes = {name: path.stat().st_size for name, path in part_files(unfinished).items()}
            write_json({"key": key, "card": _digest(unfinished / CARD), "files": sizes}, unfinished / RECORD)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error}): name a place with room for it") from error
    return True


def part_files(folder: Path) -> dict[str, Path]:
    """Return the files that are published of a folder, by their names in it, in order."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / RECORD)
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _record(folder: Path) -> dict[str, Any] | None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        _ = record["key"], record["card"], record["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder} exists and was not prepared by `vqatune publish`: name another place with --folder"
        ) from error
    return record


def _is_whole(folder: Path, record: dict[str, Any]) -> bool:
    """Whether all that was written is there; only the card may have another size."""
    sizes = {name: path.stat().st_size for name, path in part_files(folder).items()}
    return CARD in sizes and all(
        sizes.get(name) == size for name, size in record["files"].items() if name != CARD
    )


def _remove_unfinished(folder: Path) -> None:
    """Remove the unfinished folders of killed processes, which may be gigabytes."""
    for left in folder.parent.glob(f".{folder.name}.*"):
        if left.is_dir() and {path.name for path in left.iterdir()} <= {folder.name, "replaced"}:
            shutil.rmtree(left)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
