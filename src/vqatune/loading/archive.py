"""Index a tar by its headers, and read bytes from it by offset, without unpacking it.

Member names are never used as paths, and an archive with a name that points out of its folder is an error.
"""

import tarfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from vqatune.errors import ArchiveError

SYMLINKS = "symlinks"
"""The attribute of a table of members with the number of symbolic links in the tar."""


def find_members(archive: Path | str) -> pd.DataFrame:
    """Read the headers of an uncompressed tar.

    Returns a row per regular file, in the archive's order: name (str, without a leading "./"), offset and length
    (int64, bytes). A hard link is a file with its target's bytes. `attrs[SYMLINKS]` counts symbolic links, which are
    none. Raises ArchiveError where the archive is missing, not a tar, truncated or damaged (also when
    truncated exactly at the end of a member), or has a member with an absolute path or one through "..".
    """
    names, offsets, lengths = [], array("q"), array("q")
    links: list[tuple[str, str]] = []
    symlinks = 0
    try:
        size = Path(archive).stat().st_size
        # The default encoding depends on the machine.
        with tarfile.open(archive, "r:", encoding="utf-8", errors="replace") as tar:
            while (member := tar.next()) is not None:
                # tarfile keeps every member in memory: half a gigabyte for ABO.
                tar.members.clear()
                _check_member(member, archive)
                if member.isreg() and not member.issparse():
                    names.append(member.name.removeprefix("./"))
                    offsets.append(member.offset_data)
                    lengths.append(member.size)
                elif member.islnk():
                    links.append((member.name.removeprefix("./"), member.linkname.removeprefix("./")))
                symlinks += member.issym()
            _check_end(tar, archive, size)
    except FileNotFoundError as error:
        raise ArchiveError(f"{archive} does not exist: run the stage raw, or `dvc pull`") from error
    except tarfile.ReadError as error:
        if names:
            raise ArchiveError(_cut(archive, offsets[-1], size)) from error
        raise ArchiveError(
            f"{archive} is not a tar ({error}): get the archive again, uncompressed"
        ) from error
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be read: {error.strerror or error}") from error
    if links:
        # The last of a name, as when a tar is unpacked.
        places = {name: place for place, name in enumerate(names)}
        for name, target in links:
            if target in places:
                place = places[target]
                names.append(name)
                offsets.append(offsets[place])
                lengths.append(lengths[place])
    members = pd.DataFrame({"name": pd.array(names, dtype="str"), "offset": offsets, "length": lengths})
    members.attrs[SYMLINKS] = symlinks
    return members


def read_spans(archive: Path | str, spans: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bytes of each (offset, length), in the given order.

    Raises ArchiveError where the archive is missing, cannot be read, or ends before a span does.
    """
    try:
        with open(archive, "rb") as file:
            for offset, length in spans:
                file.seek(offset)
                content = file.read(length)
                if len(content) < length:
                    raise ArchiveError(
                        f"{archive} ends before byte {offset + length}: it is not the archive that was indexed; "
                        "run the stage extract again"
                    )
                yield content
    except FileNotFoundError as error:
        raise ArchiveError(
            f"{archive} does not exist: run `dvc repro raw` or `dvc pull`, or put a file of yours back"
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"{archive} cannot be read ({error.strerror or error}): run the stage raw, or `dvc pull`"
        ) from error


def read_bytes(archive: Path | str, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset`; raises as `read_spans` does."""
    return next(read_spans(archive, [(offset, length)]))


def _check_member(member: tarfile.TarInfo, archive: Path | str) -> None:
    parts = member.name.replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or parts[0].endswith(":"):
        raise ArchiveError(
            f"{archive}: the member {member.name!r} points out of the archive's folder, which no archive of ABO's "
            "does; nothing was written: get the archive again from a source you trust"
        )
    if member.size < 0:
        # tarfile would seek backwards and loop forever.
        raise ArchiveError(
            f"{archive}: the member {member.name!r} has a negative size: get the archive again"
        )


def _check_end(tar: tarfile.TarFile, archive: Path | str, size: int) -> None:
    # tarfile silently stops at the end of the file and at an unreadable header.
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise ArchiveError(_cut(archive, tar.offset, size))


def _cut(archive: Path | str, offset: int, size: int) -> str:
    return f"{archive} is cut or damaged after byte {offset} (it has {size}): get it again"
