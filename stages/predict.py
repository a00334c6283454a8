"""predict: one version's answers to the test set, the validation set and the tasks: `predict.py v7` (or `base`).

Run by `dvc repro predict@v7`.
"""

from itertools import chain
from pathlib import Path

from common import run

from vqatune.inference.prediction.candidates import read_candidates
from vqatune.inference.prediction.predict import predict, remove_partial_results
from vqatune.loading.places import read_places
from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, read_table, write_table


def main(params: Params, version: str) -> None:
    test, validation = (read_table(f"data/{name}.parquet", PAIRS) for name in ("test", "validation"))
    tasks = read_table("data/tasks.parquet", TASKS)
    images = chain.from_iterable(table["image_id"] for table in (test, validation, tasks))
    predictions = predict(
        params,
        version,
        base=Path("models/base"),
        adapter=None if version == "base" else Path("models") / version,
        pairs=test,
        places=read_places("data/extracted/images.parquet", images),
        candidates=read_candidates(params.predict, Path("data/train.parquet")),
        work=Path(".work"),
        ungrounded=validation,
        tasks=tasks,
    )
    for folder, pairs in (("", test), ("validation/", validation), ("tasks/", tasks)):
        own = predictions[predictions["qa_id"].isin(pairs["qa_id"])]
        write_table(own, f"data/predictions/{folder}{version}.parquet", PREDICTIONS)
    remove_partial_results(version, Path(".work"))


if __name__ == "__main__":
    run(main, for_each=True, launcher=lambda params: params.predict.launcher)
