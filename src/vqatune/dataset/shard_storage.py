"""Where picture shards are put: a folder, or an address of a file system of fsspec's."""

import shutil
from pathlib import Path
from typing import Any

from vqatune.errors import ArchiveError, ParameterError
from vqatune.loading.remote_archive import file_system, is_remote
from vqatune.tables import replacing

_READ_ONLY = ("http://", "https://")


def put_shard(path: Path, address: str, name: str) -> None:
    """Move a written shard to its address, where it is under its name only when it is whole.

    Raises ArchiveError where the address cannot be written to, ParameterError where it is for reading only, or none.
    """
    if folder := _folder(address):
        with replacing(folder / name) as unfinished:
            shutil.move(path, unfinished)
        return
    system, where = _writable(address)
    try:
        system.makedirs(where, exist_ok=True)
        # Object stores show a file when it is whole.
        system.put_file(str(path), f"{where}/{name}")
    # Every file system has errors of its own.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(
            f"{address}/{name} cannot be written ({reason}): when it can, run `dvc repro batch` again, which goes on"
        ) from error


def stored_bytes(address: str, name: str) -> int | None:
    """Return the size of a shard at its address; None where there is none."""
    if folder := _folder(address):
        return (folder / name).stat().st_size if (folder / name).is_file() else None
    system, where = _writable(address)
    path = f"{where}/{name}"
    return int(system.size(path)) if system.exists(path) else None


def _folder(address: str) -> Path | None:
    if address.startswith("file://"):
        return Path(address.removeprefix("file://"))
    return None if is_remote(address) else Path(address)


def _writable(address: str) -> tuple[Any, str]:
    if address.startswith(_READ_ONLY):
        raise ParameterError(
            f"batch.shards_address is {address}, which shards can be read from but not written to: write them to a folder or "
            "a bucket, and name their address in the environment variable VQATUNE_SHARDS where training reads them"
        )
    return file_system(address)
