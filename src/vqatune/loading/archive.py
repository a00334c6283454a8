"""Index a tar by its headers, and read bytes from it by offset, without unpacking it.

Member names are never used as paths, and an archive with a name that points out of its folder is an error.
"""

import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from vqatune.errors import ArchiveError
from vqatune.loading.tar_headers import tar_members
from vqatune.runtime.regular_files import open_regular

SYMLINKS = "symlinks"
"""The attribute of a table of members with the number of symbolic links in the tar."""
_MEMBERS = 20_000
"""Headers that are read into a table at once."""


def find_members(archive: Path | str) -> pd.DataFrame:
    """Read the headers of an uncompressed tar.

    Returns a row per regular file, in the archive's order: name (str, without a leading "./"), offset and length
    (int64, bytes). A hard link is a file with its target's bytes. `attrs[SYMLINKS]` counts symbolic links, which are
    none. Raises ArchiveError where the archive is missing, no regular file, or not what `tar_headers.tar_members` takes,
    or a hard link's target is not in it.
    """
    chunks = list(iterate_members(archive))
    members = pd.concat(chunks, ignore_index=True)
    members.attrs[SYMLINKS] = sum(chunk.attrs[SYMLINKS] for chunk in chunks)
    return members


def iterate_members(archive: Path | str) -> Iterator[pd.DataFrame]:
    """Read the headers as `find_members` does, and yield its rows some ten thousand at a time, hard links at the end."""
    links: list[tuple[str, str]] = []
    symlinks = 0
    try:
        with open_regular(archive) as file:
            members = tar_members(file, archive, os.fstat(file.fileno()).st_size)
            while True:
                names, offsets, lengths, seen = [], array("q"), array("q"), 0
                for member in islice(members, _MEMBERS):
                    seen += 1
                    if member.isreg():
                        names.append(member.name.removeprefix("./"))
                        offsets.append(member.offset_data)
                        lengths.append(member.size)
                    elif member.islnk():
                        links.append((member.name.removeprefix("./"), member.linkname.removeprefix("./")))
                    symlinks += member.issym()
                if not seen:
                    break
                yield _members(names, offsets, lengths)
    except FileNotFoundError as error:
        raise ArchiveError(f"{archive} does not exist: run the stage raw, or `dvc pull`") from error
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be read: {error.strerror or error}") from error
    yield _linked_members(archive, links, symlinks)


def _members(names: list[str], offsets: array, lengths: array, symlinks: int = 0) -> pd.DataFrame:
    # Of no members, too.
    places = {"offset": np.array(offsets, np.int64), "length": np.array(lengths, np.int64)}
    members = pd.DataFrame({"name": pd.array(names, dtype="str"), **places})
    members.attrs[SYMLINKS] = symlinks
    return members


def _linked_members(archive: Path | str, links: list[tuple[str, str]], symlinks: int) -> pd.DataFrame:
    """Return the hard links of an archive, as rows of `find_members`."""
    names, offsets, lengths = [], array("q"), array("q")
    # The last of a name, as when a tar is unpacked; a link may be the target of one that comes after it.
    places = _places_of(archive, {target for _, target in links}) if links else {}
    for name, target in links:
        if target in places:
            places[name] = places[target]
            names.append(name)
            offsets.append(places[target][0])
            lengths.append(places[target][1])
        elif not symlinks:
            # With symbolic links in it, it may be a link to one.
            raise ArchiveError(
                f"{archive}: the member {name} is a link to {target}, which is not in the archive: pack both"
            )
    return _members(names, offsets, lengths, symlinks)


def _places_of(archive: Path | str, wanted: set[str]) -> dict[str, tuple[int, int]]:
    """Return offset and length of the last regular file of each name."""
    with open_regular(archive) as file:
        members = tar_members(file, archive, os.fstat(file.fileno()).st_size)
        named = ((member.name.removeprefix("./"), member) for member in members if member.isreg())
        return {name: (member.offset_data, member.size) for name, member in named if name in wanted}


def read_spans(archive: Path | str, spans: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the bytes of each (offset, length), in the given order.

    Raises ArchiveError where the archive is missing, cannot be read, or ends before a span does.
    """
    with archive_errors(archive), open_regular(archive) as file:
        for offset, length in spans:
            yield read_span(file, archive, offset, length)


def read_bytes(archive: Path | str, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset`; raises as `read_spans` does."""
    return next(read_spans(archive, [(offset, length)]))


def read_span(file: BinaryIO, archive: Path | str, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset` of an open archive; raises ArchiveError where it ends before."""
    # Compared first, because Python makes room for all that it is asked to read.
    content = b""
    if offset + length <= os.fstat(file.fileno()).st_size:
        file.seek(offset)
        content = file.read(length)
    if len(content) < length:
        raise cut_short(archive, offset + length)
    return content


def cut_short(archive: Path | str, end: int) -> ArchiveError:
    """Return what is said of an archive that has fewer bytes than up to `end`."""
    return ArchiveError(
        f"{archive} ends before byte {end}: it is not the archive that was indexed; run the stage extract again"
    )


@contextmanager
def archive_errors(archive: Path | str) -> Iterator[None]:
    """Turn the errors of opening and reading an archive into ArchiveErrors."""
    try:
        yield
    except FileNotFoundError as error:
        raise ArchiveError(
            f"{archive} does not exist: run `dvc repro raw` or `dvc pull`, or put a file of yours back"
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"{archive} cannot be read ({error.strerror or error}): correct its permissions; what the stage raw wrote "
            "comes back with `dvc pull`"
        ) from error
