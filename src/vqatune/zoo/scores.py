"""Scores of a model of the zoo: of its answers as it gave them, and of the short answers in them."""

from pathlib import Path

import pandas as pd

from vqatune.evaluation.scoring.evaluation_set import EvaluationSet
from vqatune.evaluation.scoring.tasks import COLUMNS, Answered, read_answered, score_tasks
from vqatune.evaluation.scoring.version import score_version
from vqatune.params import Params
from vqatune.tables import PREDICTIONS, read_table
from vqatune.zoo.short_answers import SHORT, WHOLE, with_short_answers

PREDICTED = "zoo/predictions"
INTERVAL_COLUMNS = ["answers", "metric", "value", "low", "high", "pairs", "absent"]
SLICE_COLUMNS = ["answers", "slice", "value", "pairs", "images"]


def score_zoo_model(
    predictions: pd.DataFrame, evaluated: EvaluationSet, params: Params, store: Path | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the totals with intervals and the scores by slice, of whole and of short answers, told apart by `answers`.

    Args:
        predictions: tables.PREDICTIONS; none where the model cannot run here, which has no scores.
        evaluated: the test set.
        params: uses eval, compute and seed.
        store: as for `score`.

    Returns:
        answers with interval_table's columns, and answers with slices.by_slice's.

    Raises DataError, ParameterError and ModelError as `score_version`.
    """
    if predictions.empty:
        return pd.DataFrame(columns=INTERVAL_COLUMNS), pd.DataFrame(columns=SLICE_COLUMNS)
    intervals, slices = [], []
    for name, answers in ((WHOLE, predictions), (SHORT, with_short_answers(predictions))):
        scored = score_version(answers, evaluated, params, store)
        for tables, table in ((intervals, scored.intervals()), (slices, scored.by())):
            table.insert(0, "answers", name)
            tables.append(table)
    return pd.concat(intervals, ignore_index=True), pd.concat(slices, ignore_index=True)


def score_zoo_tasks(root: Path, name: str, params: Params, store: Path | None = None) -> pd.DataFrame:
    """Return the scores by task of a model's short answers, as tasks.score_tasks; none where it cannot run here.

    A choice of a question is nobody's sentence, and stays whole.

    Raises as `score_tasks` does.
    """
    if read_table(root / PREDICTED / f"{name}.parquet", PREDICTIONS, ["qa_id"]).empty:
        return pd.DataFrame(columns=COLUMNS)
    answered = read_answered(root, name, PREDICTED)
    tasks = with_short_answers(answered.tasks)
    tasks["prediction"] = tasks["prediction"].where(tasks["choices"].isna(), answered.tasks["prediction"])
    return score_tasks(Answered(with_short_answers(answered.general), tasks), params, store)
