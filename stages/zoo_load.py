"""zoo/dvc.yaml:load: a model of the zoo as a checkpoint: `zoo_load.py blip`.

Run by `dvc repro zoo/dvc.yaml:load@blip`.
"""

from pathlib import Path

from common import run

from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import PAIRS, read_table
from vqatune.zoo.load import load_zoo_model


def main(params: Params, name: str) -> None:
    training = read_table("data/train.parquet", PAIRS, ["question", "answer"])
    texts = [*training["question"], *training["answer"]]
    reason = load_zoo_model(params, name, texts, Path("zoo/models") / name)
    if reason is not None:
        say(f"{name} cannot run here: {reason}", error=True)


if __name__ == "__main__":
    run(main, for_each=True)
