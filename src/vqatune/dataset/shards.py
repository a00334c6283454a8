"""Picture shards: a master batch's pictures in the order in which training reads them, as tars of equal size.

Beside each batch lie a table of its shards (`01.shards.csv`) and one of where its pictures are in them
(`01.places.parquet`); the shards themselves lie at an address of their own, under names that end with their digest, so
that those of another deal never take their place.
"""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from PIL import Image

from vqatune.dataset.shard_storage import put_shard, stored_bytes
from vqatune.errors import ArchiveError, DataError
from vqatune.loading.archive import archive_errors
from vqatune.loading.picture_digests import PictureDigests, digest_content, read_digests
from vqatune.loading.pictures import DECODE_ERRORS, FORMATS
from vqatune.loading.places import Place, Places, read_places
from vqatune.loading.reader import ImageReader
from vqatune.loading.steps import epoch_ranks
from vqatune.runtime.fingerprints import make_key
from vqatune.runtime.locked_folders import temporary_folder
from vqatune.runtime.progress import bar
from vqatune.tables import BATCH, SHARD_PLACES, read_groups, write_csv, write_json, writing_table

_SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
"""Of formats whose suffix is not their name."""


@dataclass(frozen=True)
class _Shard:
    """A shard that is written."""

    name: str
    bytes: int
    sha256: str
    places: list[tuple[str, int, int, str]]
    """image_id, offset, length, and the digest of the bytes in hexadecimal digits."""


def write_shards(
    folder: Path,
    count: int,
    sampled: Path | str,
    digests: Path | str,
    address: str,
    most: int,
    seed: int,
    work: Path,
) -> None:
    """Write the pictures of all master batches into shards, in the order of their first epoch, and the tables of them.

    A picture is once in a batch, however many copies the batch has. What a killed process had written is not written
    again.

    Args:
        folder: of the batches (tables.BATCH), which gets the tables, too.
        count: the number of batches.
        sampled: a table with the places of all images (tables.PLACE).
        digests: a table with the digests of all images (tables.DIGESTS), by which pictures are checked.
        address: of the shards: a folder, or an address of a file system of fsspec's that can be written to.
        most: the bytes of a shard, which ends with the picture that brings it there.
        seed: of training (train.seed), by which an epoch is ordered.
        work: the folder that keeps what is written so far, until all is.

    Raises:
        DataError: an image is not in the table of places.
        ArchiveError: an archive is missing or truncated, or has other bytes than the table of digests; or the address cannot
            be written to.
        ParameterError: the address can only be read from, or is none.
    """
    done = work / "shards"
    with temporary_folder(work, ".shards.") as temporary:
        for batch in range(1, count + 1):
            image_ids = _in_training_order(folder / f"{batch:02d}.parquet", seed)
            places, known = read_places(sampled, image_ids), read_digests(digests, image_ids)
            shards = []
            with (
                writing_table(folder / f"{batch:02d}.places.parquet", SHARD_PLACES) as write,
                bar() as progress,
            ):
                task = progress.add_task(f"shards of batch {batch:02d}", total=len(image_ids))
                for number, own in enumerate(_cut(image_ids, places, most)):
                    name = f"{batch:02d}-{number:05d}"
                    shard = _write_or_find(name, own, places, known, address, done, temporary)
                    write(_places_table(shard, address))
                    shards.append((shard.name, shard.bytes, shard.sha256))
                    progress.advance(task, len(own))
            table = pd.DataFrame(shards, columns=["shard", "bytes", "sha256"])
            write_csv(table, folder / f"{batch:02d}.shards.csv")
    shutil.rmtree(done, ignore_errors=True)


def remove_shard_tables(folder: Path) -> None:
    """Remove the tables that `write_shards` left beside batches that are dealt anew."""
    for pattern in ("*.places.parquet", "*.shards.csv"):
        for path in folder.glob(pattern):
            path.unlink()


def _in_training_order(batch: Path, seed: int) -> list[str]:
    """Return a batch's images in the order in which the first epoch comes to them, each once."""
    images: list[str] = []
    ranks = [np.empty(0, np.uint64)]
    last: tuple[str, int] | None = None
    for group in read_groups(batch, BATCH, ["image_id", "copy"]):
        copies = group.drop_duplicates()
        keys = list(copies.itertuples(index=False, name=None))
        # The pairs of a copy may go on from the group before.
        keys = keys[1:] if keys and keys[0] == last else keys
        last = keys[-1] if keys else last
        own = [image_id for image_id, _ in keys]
        images += own
        ranks.append(epoch_ranks(own, [copy for _, copy in keys], seed, 0))
    order = np.argsort(np.concatenate(ranks), kind="stable")
    return list(dict.fromkeys(images[index] for index in order))


def _cut(image_ids: list[str], places: Places, most: int) -> Iterator[list[str]]:
    """Yield the images of one shard after the other."""
    own: list[str] = []
    size = 0
    for image_id in image_ids:
        own.append(image_id)
        size += tarfile.BLOCKSIZE + _place(places, image_id).length
        if size >= most:
            yield own
            own, size = [], 0
    if own:
        yield own


def _place(places: Places, image_id: str) -> Place:
    place = places.find(image_id)
    if place is None:
        raise DataError(f"image {image_id} has questions but no place in an archive: run `dvc repro sample`")
    return place


def _write_or_find(
    name: str,
    image_ids: list[str],
    places: Places,
    digests: PictureDigests,
    address: str,
    done: Path,
    temporary: Path,
) -> _Shard:
    """Return a shard: one that a killed process had written of the same pictures, or else it is written."""
    own = [_place(places, image_id) for image_id in image_ids]
    # By size and time of an archive DVC, too, tells that it has not changed.
    archives = {}
    for path in dict.fromkeys(place.archive for place in own):
        with archive_errors(path):
            found = Path(path).stat()
        archives[path] = found.st_size, found.st_mtime_ns
    key = make_key(
        name=name,
        address=address,
        images=list(zip(image_ids, own, strict=True)),
        archives=archives,
    )
    record = done / f"{key}.json"
    if record.exists():
        shard = _Shard(**json.loads(record.read_text(encoding="utf-8")))
        if stored_bytes(address, shard.name) == shard.bytes:
            return shard
    tar = temporary / "shard.tar"
    rows = _write_tar(tar, image_ids, places, digests)
    with tar.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    shard = _Shard(f"{name}-{sha256[:16]}.tar", tar.stat().st_size, sha256, rows)
    put_shard(tar, address, shard.name)
    write_json(vars(shard), record)
    return shard


def _write_tar(
    path: Path, image_ids: list[str], places: Places, digests: PictureDigests
) -> list[tuple[str, int, int, str]]:
    """Write pictures into a tar whose bytes depend on them and their order alone; return what `_Shard.places` holds."""
    rows, reader = [], ImageReader(places)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for image_id in image_ids:
            content = reader.content(image_id)
            digest = digest_content(content)
            if digest != digests.find(image_id):
                raise ArchiveError(
                    f"{_place(places, image_id).archive}: image {image_id} has other bytes than when it was checked: run "
                    "`dvc repro` from the stage filter on"
                )
            # Readers of such tars take what follows the first dot for the suffix, and / for a folder.
            member = tarfile.TarInfo(f"{quote(image_id, safe='').replace('.', '%2E')}.{_suffix(content)}")
            member.size = len(content)
            start = tar.offset + len(member.tobuf(tar.format))
            tar.addfile(member, BytesIO(content))
            rows.append((image_id, start, len(content), digest.hex()))
    return rows


def _suffix(content: bytes) -> str:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            form = str(image.format)
    except DECODE_ERRORS:
        # Training names such a picture, and leaves it out.
        return "bin"
    return _SUFFIXES.get(form, form.lower())


def _places_table(shard: _Shard, address: str) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        (image_id, f"{address}/{shard.name}", offset, length, bytes.fromhex(digest))
        for image_id, offset, length, digest in shard.places
    ]
    return pd.DataFrame(rows, columns=SHARD_PLACES.names)
