"""eval: one version's scores, in all and by slice: `eval.py v7` (or `base`).

Run by `dvc repro eval@v7`.
"""

import sys
from pathlib import Path

from common import run

from vqatune.evaluation.scoring.version import read_test, score_version
from vqatune.params import Params
from vqatune.tables import PREDICTIONS, read_table, write_csv, write_json


def main(params: Params, version: str) -> None:
    predictions = read_table(f"data/predictions/{version}.parquet", PREDICTIONS)
    scored = score_version(predictions, read_test(Path()), params, store=Path(".work/scores"))
    for name, reason in scored.scores.absent.items():
        print(f"{name} is absent: {reason}", file=sys.stderr)
    write_json(scored.values, f"metrics/{version}.json")
    write_csv(scored.intervals(), f"metrics/intervals/{version}.csv")
    write_csv(scored.by(), f"metrics/by/{version}.csv")


if __name__ == "__main__":
    run(main, for_each=True)
