"""blind: a guess for every question of the test set, the validation set and the tasks by one who sees no image.

Run by `dvc repro blind`.
"""

from common import run

from vqatune.evaluation.scoring.blind import blind_predictions
from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, read_table, write_table


def main(params: Params) -> None:
    train = read_table("data/train.parquet", PAIRS, ["question", "answer", "question_type"])
    columns = ["qa_id", "question", "question_type"]
    for folder, pairs in (
        ("", read_table("data/test.parquet", PAIRS, columns)),
        ("validation/", read_table("data/validation.parquet", PAIRS, columns)),
        ("tasks/", read_table("data/tasks.parquet", TASKS, [*columns, "choices"])),
    ):
        write_table(blind_predictions(train, pairs), f"data/predictions/{folder}blind.parquet", PREDICTIONS)


if __name__ == "__main__":
    run(main)
