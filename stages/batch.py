"""batch: distribute the training images, with all their pairs, over the master batches, one a version.

With `batch.shards` it also writes their pictures into shards. Without versions, where only the base is measured, there
is one batch that none is tuned by.

Run by `dvc repro batch`.
"""

from pathlib import Path

from common import run

from vqatune.dataset.dealing import deal_table
from vqatune.dataset.shards import remove_shard_tables, write_shards
from vqatune.params import Params
from vqatune.tables import write_csv

BATCHES = Path("data/batches")


def main(params: Params) -> None:
    count = max(1, len(params.versions))
    table = deal_table(
        "data/train.parquet", "data/sampled.parquet", BATCHES, params.batch, count, params.seed
    )
    if params.batch.shards:
        write_shards(
            BATCHES,
            count,
            "data/sampled.parquet",
            "data/digests.parquet",
            params.batch.shards_address.rstrip("/"),
            params.batch.shard_megabytes * 10**6,
            params.train.seed,
            Path(".work"),
        )
    else:
        remove_shard_tables(BATCHES)
    write_csv(table, "metrics/data/batches.csv")


if __name__ == "__main__":
    run(main)
