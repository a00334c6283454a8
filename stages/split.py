"""split: training and test set, without common listings (or images).

Run by `dvc repro split`.
"""

from common import run

from vqatune.dataset.split import describe_split, split_pairs
from vqatune.params import Params
from vqatune.tables import PAIRS, read_table, write_json, write_table


def main(params: Params) -> None:
    pairs = read_table("data/qa.parquet", PAIRS)
    train, test = split_pairs(pairs, params.split, params.seed)
    write_table(train, "data/train.parquet", PAIRS)
    write_table(test, "data/test.parquet", PAIRS)
    write_json(describe_split(train, test), "metrics/data/split.json")


if __name__ == "__main__":
    run(main)
