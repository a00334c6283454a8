"""Walking the headers of a tar that a stranger may have made: in bounded time and memory, nothing guessed, nothing left out.

The library reads what a header says, whatever it says: a header of gigabytes, a size of exabytes. Here a header that would
not be a header in any archive of pictures is an error that names the member.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vqatune.errors import ArchiveError

_HEADER_BYTES = 2**20
"""The most that a member's headers may have: names of any length and a file's attributes fit."""
_DIGITS = 300
"""The most digits in a row in an extended header; the library searches longer ones in the square of their length."""
_GLOBAL_KEYWORDS = 1000
"""The most keywords that headers for all members may set: the library copies them for every member."""
_MULTI_VOLUME = b"M"

# What the library raises on damaged headers beside its own errors.
_HEADER_ERRORS = (tarfile.TarError, ValueError, IndexError, OverflowError, TypeError, RecursionError)


def tar_members(file: BinaryIO, archive: Path | str, size: int | None) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each member, in the archive's order.

    Args:
        file: the uncompressed bytes, open at their beginning; between two members it may be read and moved.
        archive: its name, for errors.
        size: number of the bytes, None where it is not known (of a compressed tar).

    Raises:
        ArchiveError: it is not a tar, is cut or damaged (also when cut exactly at the end of a member), is a part
            of several, or has a member with an absolute path or one through "..", one that is sparse, or one whose
            size is not possible. OSError where it cannot be read.
    """
    headers = _Headers(file, size)
    # The last place that is known to be right.
    place = 0
    try:
        # The default encoding depends on the machine.
        tar = tarfile.open(fileobj=headers, mode="r:", encoding="utf-8", errors="replace")  # noqa: SIM115
    except _HEADER_ERRORS as error:
        raise ArchiveError(
            f"{archive} is not a tar ({_reason(error)}): a tar without compression belongs here"
        ) from error
    with tar:
        while True:
            headers.left = _HEADER_BYTES
            try:
                member = tar.next()
                if member is None:
                    break
                # Where the library has not yet looked: the last byte of what it has to be.
                headers.check_place(tar.offset)
            except _HEADER_ERRORS as error:
                raise ArchiveError(_cut(archive, place, size, _reason(error))) from error
            # The library keeps every member in memory: half a gigabyte for ABO.
            tar.members.clear()
            _check_member(member, tar.pax_headers, archive)
            place = member.offset_data
            yield member
        # The library silently stops at the end of the file and at an unreadable header.
        headers.left = _HEADER_BYTES
        headers.seek(tar.offset)
        if headers.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ArchiveError(_cut(archive, tar.offset, size, ""))


class _Headers:
    """The file as the library sees it: reads are those of headers, and stay within the file."""

    def __init__(self, file: BinaryIO, size: int | None) -> None:
        self._file, self._size = file, size
        self.left = _HEADER_BYTES
        """How many bytes the headers of this member may still have."""

    def read(self, count: int) -> bytes:
        if count > self.left or count < 0:
            raise tarfile.ReadError(f"a header of more than {_HEADER_BYTES:,} bytes")
        self.left -= count
        content = self._file.read(count)
        if count > tarfile.BLOCKSIZE and any(
            len(digits) > _DIGITS for digits in re.findall(rb"\d+", content)
        ):
            raise tarfile.ReadError(f"a header with a number of more than {_DIGITS} digits")
        return content

    def seek(self, place: int) -> int:
        self.check_place(place)
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()

    def check_place(self, place: int) -> None:
        """Raise ReadError where the file has no such place: the library would move there, or fail to."""
        if place < 0 or (place > self._size if self._size is not None else place >= 2**62):
            raise tarfile.ReadError("a member that goes beyond the archive's end")


def _check_member(member: tarfile.TarInfo, for_all: dict[str, str], archive: Path | str) -> None:
    """Raise ArchiveError where a member has no place or size that is surely its own."""
    said = f"{archive}: the member {_short(member.name)}"
    parts = member.name.replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or parts[0].endswith(":"):
        raise ArchiveError(
            f"{said} points out of the archive's folder; nothing was written: take an archive from a source you trust"
        )
    if member.issparse() or any(keyword.startswith("GNU.sparse.") for keyword in member.pax_headers):
        raise ArchiveError(
            f"{said} is sparse, so that its bytes are not in one piece: pack it without --sparse"
        )
    if member.type == _MULTI_VOLUME:
        raise ArchiveError(
            f"{said} goes on from another volume: pack the files into one archive, or several whole ones"
        )
    size = member.pax_headers.get("size", "0")
    # The library takes what is no number for 0, and lets a size for all members not count where the next one begins.
    if member.size < 0 or not re.fullmatch("[0-9]{1,19}", size) or "size" in for_all:
        raise ArchiveError(f"{said} has a size that is not possible ({_short(size)}): pack it again")
    if len(for_all) > _GLOBAL_KEYWORDS:
        raise ArchiveError(
            f"{said} comes after headers for all members with {len(for_all):,} keywords: pack it again"
        )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, tarfile.ReadError) else "a header that cannot be read"


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}…")


def _cut(archive: Path | str, place: int, size: int | None, reason: str) -> str:
    has = "" if size is None else f" (it has {size})"
    return f"{archive} is cut or damaged after byte {place}{has}" + (f": {reason}" if reason else "")
