"""split: training set, and validation and test set without common listings (or images).

Run by `dvc repro split`.
"""

from pathlib import Path

from common import run

from vqatune.dataset.split import split_table
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import write_json


def main(params: Params) -> None:
    counts = split_table("data/qa.parquet", Path("data"), params.split, params.seed)
    write_json(counts, "metrics/data/split.json")
    if not counts["validation"]["pairs"]:
        say("the validation set is empty: no version will be chosen as the best", error=True)


if __name__ == "__main__":
    run(main)
