"""Archives at an address, such as s3://bucket/shards/01.tar or http://host/01.tar: any that fsspec opens."""

import time
from typing import Any

from vqatune.errors import ArchiveError, MissingExtraError, ParameterError
from vqatune.loading.archive import cut_short

_BLOCK = 4 * 2**20
"""Bytes that are fetched at once; the next so many are fetched while these are read."""
_BLOCKS = 4
"""Blocks that are kept: a step's pictures are read in another order than they lie."""
_PAUSES = (0.1, 1.0, 3.0)
"""Seconds before each further attempt after a failed one."""


def is_remote(archive: str) -> bool:
    """Return whether this is an address, and no path of a file."""
    return "://" in archive


def file_system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system of an address, and the path in it.

    Raises ParameterError where there is none of its protocol, MissingExtraError where a package is missing.
    """
    # Most uses read files alone.
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(address)
    except ImportError as error:
        raise MissingExtraError(
            f"{address}: {error}: pip install 'vqatune[shards]', s3fs or gcsfs"
        ) from error
    except ValueError as error:
        raise ParameterError(f"{address} is no address that pictures can be read from: {error}") from error


class RemoteArchive:
    """An archive at an address, which is opened at the first read, and again after a connection broke."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._file: Any = None

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`.

        Raises ArchiveError where there is no such archive, it ends before, or it cannot be read after several attempts.
        """
        for pause in (*_PAUSES, None):
            try:
                content = self._read(offset, length)
                break
            except FileNotFoundError as error:
                raise ArchiveError(
                    f"{self._address} does not exist: put the shard back, or write it with `dvc repro -f -s batch`"
                ) from error
            except (ParameterError, MissingExtraError):
                raise
            # Every file system has errors of its own.
            except Exception as error:
                self.close()
                if pause is None:
                    reason = " ".join(str(error).split()) or type(error).__name__
                    raise ArchiveError(
                        f"{self._address} cannot be read after {len(_PAUSES) + 1} attempts ({reason}): when it can, start "
                        "the stage again, which goes on"
                    ) from error
                time.sleep(pause)
        if len(content) < length:
            raise cut_short(self._address, offset + length)
        return content

    def close(self) -> None:
        """Close the connection."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _read(self, offset: int, length: int) -> bytes:
        if self._file is None:
            system, path = file_system(self._address)
            self._file = system.open(
                path, "rb", block_size=_BLOCK, cache_type="background", cache_options={"maxblocks": _BLOCKS}
            )
        self._file.seek(offset)
        return self._file.read(length)
