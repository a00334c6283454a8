"""eval: one version's scores, in total, by slice and by task, and its confusions: `eval.py v7` (or `base`).

Run by `dvc repro eval@v7`.
"""

from pathlib import Path

from common import run

from vqatune.evaluation.scoring.evaluation_set import read_evaluation_set
from vqatune.evaluation.scoring.knowing import knowing_curves
from vqatune.evaluation.scoring.tasks import headline, read_answered, score_tasks
from vqatune.evaluation.scoring.version import score_validation, score_version, store_scores
from vqatune.params import Params
from vqatune.runtime.output import say
from vqatune.tables import PREDICTIONS, read_table, write_csv, write_json

STORE = Path(".work/scores")
PREDICTED = Path("data/predictions")


def main(params: Params, version: str) -> None:
    test, validation = (read_evaluation_set(Path(), name) for name in ("test", "validation"))
    scored = score_version(
        read_table(PREDICTED / f"{version}.parquet", PREDICTIONS), test, params, store=STORE
    )
    for name, reason in scored.scores.absent.items():
        say(f"{name} is absent: {reason}", error=True)
    answers = read_table(PREDICTED / "validation" / f"{version}.parquet", PREDICTIONS)
    validated = score_validation(answers, validation, params, store=STORE)
    write_json(scored.values, f"metrics/{version}.json")
    write_json(validated, f"metrics/validation/{version}.json")
    write_csv(scored.intervals(), f"metrics/intervals/{version}.csv")
    write_csv(scored.by(), f"metrics/by/{version}.csv")
    write_csv(scored.confusion(), f"metrics/confusion/{version}.csv")
    answered = read_answered(Path(), version)
    by_task = score_tasks(answered, params, store=STORE)
    write_json(headline(by_task), f"metrics/tasks/{version}.json")
    write_csv(by_task, f"metrics/tasks/{version}.csv")
    write_csv(knowing_curves(answered.general), f"metrics/tasks/curves/{version}.csv")
    if not scored.scores.all_stored:
        # The models are loaded: score the pairs of the evaluations that follow, too.
        names = [f"{name}.parquet" for name in params.evaluated_names]
        for folder, evaluated in ((PREDICTED, test), (PREDICTED / "validation", validation)):
            files = [folder / name for name in names if (folder / name).exists()]
            store_scores(files, evaluated, params, STORE)


if __name__ == "__main__":
    run(main, for_each=True)
