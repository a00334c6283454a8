"""eval: one version's scores, in all and by slice: `eval.py v7` (or `base`).

Run by `dvc repro eval@v7`.
"""

from common import run

from vqatune.evaluation.score import score_version
from vqatune.params import Params
from vqatune.tables import PAIRS, PREDICTIONS, read_table, write_csv, write_json


def main(params: Params, version: str) -> None:
    predictions = read_table(f"data/predictions/{version}.parquet", PREDICTIONS)
    scores = score_version(predictions, read_table("data/test.parquet", PAIRS))
    write_json(scores.totals, f"metrics/{version}.json")
    write_csv(scores.by, f"metrics/by/{version}.csv")


if __name__ == "__main__":
    run(main, for_each=True)
