"""zoo/dvc.yaml:eval: scores of a model of the zoo, in total, by slice and by task: `zoo_eval.py blip`.

Run by `dvc repro zoo/dvc.yaml:eval@blip`.
"""

from pathlib import Path

from common import run

from vqatune.evaluation.scoring.evaluation_set import read_evaluation_set
from vqatune.params import Params
from vqatune.tables import PREDICTIONS, read_table, write_csv
from vqatune.zoo.scores import score_zoo_model, score_zoo_tasks


def main(params: Params, name: str) -> None:
    predictions = read_table(f"zoo/predictions/{name}.parquet", PREDICTIONS)
    intervals, slices = score_zoo_model(
        predictions, read_evaluation_set(Path()), params, store=Path(".work/scores")
    )
    write_csv(intervals, f"metrics/zoo/intervals/{name}.csv")
    write_csv(slices, f"metrics/zoo/by/{name}.csv")
    by_task = score_zoo_tasks(Path(), name, params, store=Path(".work/scores"))
    write_csv(by_task, f"metrics/zoo/tasks/{name}.csv")


if __name__ == "__main__":
    run(main, for_each=True)
