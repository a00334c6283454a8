"""tasks: pairs of the benchmark tasks, about the listings of the test set.

Run by `dvc repro tasks`.
"""

from common import run

from vqatune.params import Params
from vqatune.tables import FILTERED, LISTINGS, PAIRS, TASKS, read_table, write_json, write_table
from vqatune.tasks.inputs import TaskInputs
from vqatune.tasks.make import make_tasks


def main(params: Params) -> None:
    inputs = TaskInputs(
        test=read_table("data/test.parquet", PAIRS),
        training=read_table("data/train.parquet", PAIRS, ["image_id", "question", "answer", "question_type"]),
        validation=read_table("data/validation.parquet", PAIRS, ["image_id"]),
        filtered=read_table("data/filtered.parquet", FILTERED, ["image_id", "item_id"]),
        listings=read_table("data/extracted/listings.parquet", LISTINGS, ["item_id", "metadata"]),
        params=params.tasks,
        seed=params.seed,
    )
    pairs, report = make_tasks(inputs)
    write_table(pairs, "data/tasks.parquet", TASKS)
    write_json(report, "metrics/data/tasks.json")


if __name__ == "__main__":
    run(main)
