"""predict: one version's answers to the test and the validation set: `predict.py v7` (or `base`).

Run by `dvc repro predict@v7`.
"""

from pathlib import Path

from common import run

from vqatune.inference.prediction.predict import predict, read_candidates, remove_partial_results
from vqatune.params import Params
from vqatune.tables import IMAGES, PAIRS, PLACE, PREDICTIONS, read_table, write_table


def main(params: Params, version: str) -> None:
    test, validation = (read_table(f"data/{name}.parquet", PAIRS) for name in ("test", "validation"))
    predictions = predict(
        params,
        version,
        base=Path("models/base"),
        adapter=None if version == "base" else Path("models") / version,
        pairs=test,
        places=read_table("data/extracted/images.parquet", IMAGES, PLACE),
        candidates=read_candidates(params.predict, Path("data/train.parquet")),
        work=Path(".work"),
        ungrounded=validation,
    )
    tested = predictions["qa_id"].isin(test["qa_id"])
    write_table(predictions[tested], f"data/predictions/{version}.parquet", PREDICTIONS)
    write_table(predictions[~tested], f"data/predictions/validation/{version}.parquet", PREDICTIONS)
    remove_partial_results(version, Path(".work"))


if __name__ == "__main__":
    run(main, for_each=True, launcher=lambda params: params.predict.launcher)
