"""train: tune one version by its batch, from the version before: `train.py v7 v6 07`.

Run by `dvc repro train@v7`.
"""

from pathlib import Path

from common import run

from vqatune.loading.places import read_places
from vqatune.params import Params
from vqatune.tables import BATCH, read_table
from vqatune.training.loop import train_version
from vqatune.training.shards import read_shard_places

# A batch may have millions of pairs.
COLUMNS = ["image_id", "copy", "qa_id", "question", "answer"]


def main(params: Params, version: str, previous: str, batch: str) -> None:
    pairs = read_table(f"data/batches/{batch}.parquet", BATCH, COLUMNS)
    places = read_shard_places(Path("data/batches"), batch)
    if places is None:
        places = read_places("data/extracted/images.parquet", pairs["image_id"])
    train_version(
        params,
        version,
        base=Path("models/base"),
        previous=None if previous == "base" else Path("models") / previous,
        pairs=pairs,
        places=places,
        folder=Path("models") / version,
        work=Path(".work"),
    )


if __name__ == "__main__":
    run(main, for_each=True, launcher=lambda params: params.train.launcher)
