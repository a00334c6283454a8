"""base: the model that v1 starts from, in models/base.

Run by `dvc repro base`.
"""

from pathlib import Path

from common import run

from vqatune.base_model.base import make_base
from vqatune.params import Params
from vqatune.tables import PAIRS, read_table


def main(params: Params) -> None:
    pairs = read_table("data/train.parquet", PAIRS, ["question", "answer"])
    make_base(params, [*pairs["question"], *pairs["answer"]], Path("models/base"))


if __name__ == "__main__":
    run(main)
