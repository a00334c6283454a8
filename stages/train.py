"""train: tune one version by its batch, from the version before: `train.py v7 v6 07`.

Run by `dvc repro train@v7`.
"""

from pathlib import Path

from common import run

from vqatune.params import Params
from vqatune.tables import BATCH, IMAGES, PLACE, read_table
from vqatune.training.loop import train_version


def main(params: Params, version: str, previous: str, batch: str) -> None:
    train_version(
        params,
        version,
        base=Path("models/base"),
        previous=None if previous == "base" else Path("models") / previous,
        pairs=read_table(f"data/batches/{batch}.parquet", BATCH),
        places=read_table("data/extracted/images.parquet", IMAGES, PLACE),
        folder=Path("models") / version,
        work=Path(".work"),
    )


if __name__ == "__main__":
    run(main, for_each=True, launcher=lambda params: params.train.launcher)
