"""zoo/dvc.yaml:predict: answers of a model of the zoo to the test set and the tasks: `zoo_predict.py blip`.

Run by `dvc repro zoo/dvc.yaml:predict@blip`.
"""

from dataclasses import asdict
from pathlib import Path

from common import run

from vqatune.inference.prediction.predict import remove_partial_results
from vqatune.loading.places import read_places
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, read_table, write_json, write_table
from vqatune.zoo.predict import predict_zoo_model


def main(params: Params, name: str) -> None:
    pairs, tasks = read_table("data/test.parquet", PAIRS), read_table("data/tasks.parquet", TASKS)
    predictions, taken = predict_zoo_model(
        params,
        name,
        folder=Path("zoo/models") / name,
        pairs=pairs,
        places=read_places("data/extracted/images.parquet", [*pairs["image_id"], *tasks["image_id"]]),
        training=Path("data/train.parquet"),
        work=Path(".work"),
        tasks=tasks,
    )
    if taken.reason is not None:
        say(f"{name} cannot run here: {taken.reason}", error=True)
    of_tasks = predictions["qa_id"].isin(tasks["qa_id"])
    write_table(predictions[~of_tasks], f"zoo/predictions/{name}.parquet", PREDICTIONS)
    write_table(predictions[of_tasks], f"zoo/predictions/tasks/{name}.parquet", PREDICTIONS)
    write_json(asdict(taken), f"metrics/zoo/measured/{name}.json")
    remove_partial_results(f"zoo/{name}", Path(".work"))


if __name__ == "__main__":
    run(main, for_each=True)
