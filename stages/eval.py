"""eval: one version's scores, in total and by slice, and its confusions: `eval.py v7` (or `base`).

Run by `dvc repro eval@v7`.
"""

import sys
from pathlib import Path

from common import run

from vqatune.evaluation.scoring.test_set import read_test
from vqatune.evaluation.scoring.version import score_version, store_scores
from vqatune.params import Params
from vqatune.tables import PREDICTIONS, read_table, write_csv, write_json

STORE = Path(".work/scores")


def main(params: Params, version: str) -> None:
    predictions = read_table(f"data/predictions/{version}.parquet", PREDICTIONS)
    test = read_test(Path())
    scored = score_version(predictions, test, params, store=STORE)
    for name, reason in scored.scores.absent.items():
        print(f"{name} is absent: {reason}", file=sys.stderr)
    write_json(scored.values, f"metrics/{version}.json")
    write_csv(scored.intervals(), f"metrics/intervals/{version}.csv")
    write_csv(scored.by(), f"metrics/by/{version}.csv")
    write_csv(scored.confusion(), f"metrics/confusion/{version}.csv")
    if not scored.scores.all_stored:
        # The models are loaded: score the pairs of the evaluations that follow, too.
        others = sorted(Path("data/predictions").glob("*.parquet"))
        store_scores(others, test, params, STORE)


if __name__ == "__main__":
    run(main, for_each=True)
