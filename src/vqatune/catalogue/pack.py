"""Packing pictures into tars of about a gigabyte."""

import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pandas as pd

from vqatune.catalogue.sources.pictures import PACKED
from vqatune.loading.archive import find_members
from vqatune.tables import replacing, write_csv

PACKED_COLUMNS = ["picture", "image_id", "archive", "offset", "length", "reason"]
TAR_BYTES = 1_000_000_000


def pack_pictures(
    pictures: Iterable[tuple[str, str, str, bytes]],
    reasons: dict[str, str],
    folder: Path,
    tar_bytes: int = TAR_BYTES,
) -> None:
    """Write `pictures-0000.tar`, … and the table of what is in them (sources.pictures.PACKED).

    The bytes depend on the pictures and their order alone.

    Args:
        pictures: name, image_id, name in the tar and bytes of each.
        reasons: name → why a picture is not among them.
        folder: of the files.
        tar_bytes: after so many bytes a tar ends.
    """
    rows: list[tuple] = []
    waiting = iter(pictures)
    number, first = 0, next(waiting, None)
    while first is not None:
        path = folder / f"pictures-{number:04d}.tar"
        with replacing(path) as temporary:
            names, first = _write_tar(temporary, first, waiting, tar_bytes)
            members = find_members(temporary)
        places = zip(names, members.itertuples(index=False), strict=True)
        rows += [(*name, path.name, place.offset, place.length, None) for name, place in places]
        number += 1
    rows += [(name, None, None, None, None, reason) for name, reason in reasons.items()]
    table = pd.DataFrame(rows, columns=PACKED_COLUMNS)
    write_csv(table.astype({"offset": "Int64", "length": "Int64"}), folder / PACKED)


def _write_tar(
    path: Path,
    first: tuple[str, str, str, bytes],
    others: Iterator[tuple[str, str, str, bytes]],
    tar_bytes: int,
) -> tuple[list[tuple[str, str]], tuple[str, str, str, bytes] | None]:
    """Write a tar; return the names and ids of what is in it, and the first picture of the next one."""
    names: list[tuple[str, str]] = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        picture: tuple[str, str, str, bytes] | None = first
        while picture is not None and tar.offset < tar_bytes:
            name, image_id, member_name, content = picture
            member = tarfile.TarInfo(member_name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
            names.append((name, image_id))
            picture = next(others, None)
    return names, picture
