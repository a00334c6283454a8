"""batch: distribute the training images, with all their pairs, over the master batches, one a version.

Without versions, where only the base is measured, there is one batch that none is tuned by.

Run by `dvc repro batch`.
"""

from pathlib import Path

from common import run

from vqatune.dataset.dealing import deal_table
from vqatune.params import Params
from vqatune.tables import write_csv


def main(params: Params) -> None:
    count = max(1, len(params.versions))
    table = deal_table(
        "data/train.parquet", "data/sampled.parquet", Path("data/batches"), params.batch, count, params.seed
    )
    write_csv(table, "metrics/data/batches.csv")


if __name__ == "__main__":
    run(main)
