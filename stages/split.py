"""split: training set, and validation and test set without common listings (or images).

Run by `dvc repro split`.
"""

from common import run

from vqatune.dataset.split import describe_split, split_pairs
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import PAIRS, read_table, write_json, write_table


def main(params: Params) -> None:
    sets = split_pairs(read_table("data/qa.parquet", PAIRS), params.split, params.seed)
    for name, pairs in sets._asdict().items():
        write_table(pairs, f"data/{name}.parquet", PAIRS)
    write_json(describe_split(sets), "metrics/data/split.json")
    if sets.validation.empty:
        say("the validation set is empty: no version will be chosen as the best", error=True)


if __name__ == "__main__":
    run(main)
