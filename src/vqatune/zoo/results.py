"""The table of the zoo: a row a model and kind of answers, with what it takes and all of its scores."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.task_metrics import MAIN_METRICS
from vqatune.params import BLIND
from vqatune.tables import PREDICTIONS, read_csv, read_table
from vqatune.zoo.run import ZooRun
from vqatune.zoo.short_answers import SHORT, WHOLE, with_short_answers

PREDICTED, MEASURED = Path("zoo/predictions"), Path("metrics/zoo/measured")
INTERVALS, BY = Path("metrics/zoo/intervals"), Path("metrics/zoo/by")
TASKS, BLIND_TASKS = Path("metrics/zoo/tasks"), Path("metrics/tasks/blind.csv")
SLICED = ("difficulty", "answer_kind")
"""The slices that have columns of exact match."""
TASK_COLUMNS = {
    f"{task}_{metric}": (task, metric) for task, metrics in MAIN_METRICS.items() for metric in metrics
}
"""A column of the table → the benchmark task and its metric that it holds."""


@dataclass(frozen=True, eq=False)
class ZooModel:
    """A model of the zoo with its results; `run` and `cut` are None for the blind guess."""

    name: str
    run: ZooRun | None
    predictions: pd.DataFrame
    """tables.PREDICTIONS, sorted by qa_id; empty where the model cannot run."""
    intervals: pd.DataFrame
    """As `score_zoo_model` returns them; so are the slices."""
    slices: pd.DataFrame
    tasks: pd.DataFrame
    """As `score_zoo_tasks` returns them, of short answers alone; slice and value are text."""
    cut: float | None
    """The share of answers that `short_answer` changes."""

    @property
    def can_run(self) -> bool:
        """Whether it has answers."""
        return not self.predictions.empty

    def score(self, metric: str, answers: str = SHORT) -> pd.Series | None:
        """Return the row of a metric: value, low, high, …; None where it is absent."""
        table = self.intervals
        found = table[(table["metric"] == metric) & (table["answers"] == answers) & table["value"].notna()]
        return None if found.empty else found.iloc[0]

    def task_score(self, task: str, metric: str) -> pd.Series | None:
        """Return the row of a metric of a whole benchmark task: score, low, high, …; None where it is absent."""
        table = self.tasks
        own = (table["task"] == task) & (table["slice"] == "") & (table["metric"] == metric)
        found = table[own & table["score"].notna()]
        return None if found.empty else found.iloc[0]


def read_zoo(root: Path, names: Sequence[str]) -> list[ZooModel]:
    """Read the blind guess and the models of a finished zoo, in this order.

    Raises DataError where a file is missing or damaged.
    """
    blind = ZooModel(
        BLIND,
        None,
        _predictions(root / "data/predictions/blind.parquet"),
        _of_both(_table(root / "metrics/intervals/blind.csv", "eval@blind")),
        _of_both(_table(root / "metrics/by/blind.csv", "eval@blind")),
        _task_scores(root / BLIND_TASKS),
        None,
    )
    return [blind, *(_read_model(root, name) for name in names)]


def zoo_table(models: Sequence[ZooModel]) -> pd.DataFrame:
    """Return a row a model and kind of answers, whole and short; one row, with the reason, where a model cannot run.

    Columns: model, answers, kind, family, precision, quantization, mode, device, parameters, weight_bytes, peak_bytes,
    answers_per_second, cut (the share of answers that differ between whole and short), pairs, then for every metric its
    value and the ends of its 95 % interval (<metric>, <metric>_low, <metric>_high), then the exact match by difficulty
    and answer kind (exact_match_difficulty_0, exact_match_answer_kind_number, …), then TASK_COLUMNS with the ends of their
    intervals (multi_angle_exact_match, multi_angle_exact_match_low, …), in rows of short answers alone, and reason.
    """
    rows = [row for model in models for row in _rows(model)]
    table = pd.DataFrame(rows)
    first = [
        "model",
        "answers",
        "kind",
        "family",
        "precision",
        "quantization",
        "mode",
        "device",
        "parameters",
    ]
    first += ["weight_bytes", "peak_bytes", "answers_per_second", "cut", "pairs"]
    of_tasks = [f"{name}{end}" for name in TASK_COLUMNS for end in ("", "_low", "_high")]
    last = [*(name for name in of_tasks if name in table.columns), "reason"]
    rest = [name for name in table.columns if name not in (*first, *last)]
    table = table.reindex(columns=[*first, *rest, *last])
    counts = ["parameters", "weight_bytes", "peak_bytes", "pairs"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _rows(model: ZooModel) -> list[dict[str, object]]:
    run = model.run
    row: dict[str, object] = {"model": model.name, "cut": model.cut}
    if run is not None:
        row |= {
            name: getattr(run, name)
            for name in ("kind", "family", "precision", "quantization", "mode", "device")
        }
        row |= {name: getattr(run, name) for name in ("parameters", "weight_bytes", "peak_bytes", "reason")}
        row["answers_per_second"] = answers_per_second(run)
    if not model.can_run:
        return [row]
    # A guess of the blind is a short answer.
    return [row | {"answers": kind} | _scores(model, kind) for kind in ((WHOLE, SHORT) if run else (SHORT,))]


def _scores(model: ZooModel, answers: str) -> dict[str, object]:
    values: dict[str, object] = {"pairs": len(model.predictions)}
    for name in METRICS:
        found = model.score(name, answers)
        if found is not None:
            values |= {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}
    table = model.slices[model.slices["answers"] == answers]
    for slice_ in SLICED:
        for each in table[table["slice"] == slice_].to_dict("records"):
            values[f"exact_match_{slice_}_{each['value']}"] = each["exact_match"]
    # Tasks are scored by short answers.
    return values | _main_task_scores(model) if answers == SHORT else values


def _main_task_scores(model: ZooModel) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, (task, metric) in TASK_COLUMNS.items():
        found = model.task_score(task, metric)
        if found is not None:
            values |= {name: found["score"], f"{name}_low": found["low"], f"{name}_high": found["high"]}
    return values


def answers_per_second(run: ZooRun) -> float | None:
    """Return how many questions a model answered a second; None where it was not measured."""
    return run.questions / run.seconds if run.questions and run.seconds else None


def _read_model(root: Path, name: str) -> ZooModel:
    predictions = _predictions(root / PREDICTED / f"{name}.parquet")
    short = with_short_answers(predictions)["prediction"]
    cut = float(np.mean(short != predictions["prediction"])) if len(predictions) else None
    path = root / MEASURED / f"{name}.json"
    try:
        run = ZooRun(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{path} is missing or damaged: run `dvc repro -f -s zoo/dvc.yaml:predict@{name}`"
        ) from error
    intervals, slices = (
        _table(root / each / f"{name}.csv", f"zoo/dvc.yaml:eval@{name}") for each in (INTERVALS, BY)
    )
    return ZooModel(
        name, run, predictions, intervals, slices, _task_scores(root / TASKS / f"{name}.csv"), cut
    )


def _predictions(path: Path) -> pd.DataFrame:
    return read_table(path, PREDICTIONS).sort_values("qa_id", ignore_index=True)


def _of_both(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(answers=SHORT)


def _table(path: Path, stage: str) -> pd.DataFrame:
    remedy = f"run `dvc repro -f -s {stage}`"
    if not path.exists():
        raise DataError(f"{path} is missing: {remedy}")
    return read_csv(path, remedy=remedy)


def _task_scores(path: Path) -> pd.DataFrame:
    # Scores of before there were tasks lack this file: what it is made from may be missing, too.
    remedy = "run `dvc repro zoo/dvc.yaml`"
    if not path.exists():
        raise DataError(f"{path} is missing: {remedy}")
    table = read_csv(path, "task", "slice", "value", "metric", "score", "low", "high", "pairs", remedy=remedy)
    # A column without a value is read as numbers.
    return table.astype({"slice": object, "value": object}).fillna({"slice": "", "value": ""})
