"""blind: a guess for every test question by one who sees no image, from the training answers.

Run by `dvc repro blind`.
"""

from common import run

from vqatune.evaluation.scoring.blind import blind_predictions
from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, read_table, write_table


def main(params: Params) -> None:
    train = read_table("data/train.parquet", PAIRS, ["question", "answer", "question_type"])
    test = read_table("data/test.parquet", PAIRS, ["qa_id", "question", "question_type"])
    write_table(blind_predictions(train, test), "data/predictions/blind.parquet", PREDICTIONS)


if __name__ == "__main__":
    run(main)
