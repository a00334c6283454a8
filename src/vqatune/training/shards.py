"""The places of a master batch's pictures in its shards."""

import logging
import os
from itertools import chain
from pathlib import Path

import pandas as pd

from vqatune.loading.places import Places
from vqatune.loading.remote_archive import is_remote
from vqatune.tables import SHARD_PLACES, read_csv, read_groups

ADDRESS = "VQATUNE_SHARDS"
"""The environment variable with the address of the shards where it is not the one that they were written to."""
_logger = logging.getLogger(__name__)


def read_shard_places(batches: Path, batch: str) -> Places | None:
    """Return the places of a batch's images in its shards, with the digests of their bytes.

    None where the batch has no shards, or where they should be in a folder in which some are missing: then there is a
    warning. The bytes of the pictures are the same either way. Shards are read at the address in VQATUNE_SHARDS where it
    is set.

    Args:
        batches: the folder of the batches.
        batch: its number, such as 01.

    Raises DataError where a table of the shards is damaged.
    """
    path, manifest = batches / f"{batch}.places.parquet", batches / f"{batch}.shards.csv"
    if not path.exists() or not manifest.exists():
        return None
    groups = read_groups(path, SHARD_PLACES)
    first = next(groups, None)
    if first is None or first.empty:
        return None
    address = os.environ.get(ADDRESS, "").rstrip("/") or first["archive"].iloc[0].rpartition("/")[0]
    if not is_remote(address):
        shards = read_csv(manifest, "shard", "bytes").itertuples(index=False)
        lacking = [each.shard for each in shards if not _is_whole(Path(address) / each.shard, each.bytes)]
        if lacking:
            _logger.warning(
                "%s of the shards of batch %s, such as %s, are not in %s: pictures are read from the archives; "
                "`dvc repro -f -s batch` writes the shards again",
                f"{len(lacking):,}",
                batch,
                lacking[0],
                address,
            )
            return None
    return Places(_at(group, address) for group in chain([first], groups))


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _at(group: pd.DataFrame, address: str) -> pd.DataFrame:
    names = [archive.rpartition("/")[2] for archive in group["archive"]]
    return group.assign(archive=[f"{address}/{name}" for name in names])
