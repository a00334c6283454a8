"""batch: distribute the training images, with all their pairs, over the master batches, one a version.

Without versions, where only the base is measured, there is one batch that none is tuned by.

Run by `dvc repro batch`.
"""

from common import run

from vqatune.dataset.master_batches import make_master_batches
from vqatune.params import Params
from vqatune.tables import BATCH, PAIRS, SAMPLED, read_table, write_csv, write_table


def main(params: Params) -> None:
    train = read_table("data/train.parquet", PAIRS)
    repeats = read_table("data/sampled.parquet", SAMPLED, ["image_id", "repeats"])
    count = max(1, len(params.versions))
    batches, table = make_master_batches(train, repeats, params.batch, count, params.seed)
    for number, batch in enumerate(batches, start=1):
        write_table(batch, f"data/batches/{number:02d}.parquet", BATCH)
    write_csv(table, "metrics/data/batches.csv")


if __name__ == "__main__":
    run(main)
