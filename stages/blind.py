"""blind: a guess for every test and validation question by one who sees no image, from the training answers.

Run by `dvc repro blind`.
"""

from common import run

from vqatune.evaluation.scoring.blind import blind_predictions
from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, read_table, write_table


def main(params: Params) -> None:
    train = read_table("data/train.parquet", PAIRS, ["question", "answer", "question_type"])
    for name, folder in (("test", "data/predictions"), ("validation", "data/predictions/validation")):
        pairs = read_table(f"data/{name}.parquet", PAIRS, ["qa_id", "question", "question_type"])
        write_table(blind_predictions(train, pairs), f"{folder}/blind.parquet", PREDICTIONS)


if __name__ == "__main__":
    run(main)
