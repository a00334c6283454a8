"""Scores of pairs, and of a version: its predictions against the test set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.errors import DataError, ParameterError
from vqatune.evaluation.metrics import METRICS, aggregate
from vqatune.evaluation.metrics.text import tokens
from vqatune.evaluation.slices import SLICES, by_slice


@dataclass(frozen=True, eq=False)
class VersionScores:
    """The scores of one version.

    totals: metric → value in the order of METRICS, then the counts pairs, images, empty_predictions and
    empty_references; a metric that is defined for no pair is absent.
    pairs: a row a pair, sorted by qa_id: qa_id, image_id, the slice columns, answer, prediction, a float64 column
    a metric (NaN where undefined).
    by: the scores by slice, as `slices.by_slice` makes them.
    """

    totals: dict[str, float | int]
    pairs: pd.DataFrame
    by: pd.DataFrame


def score_pairs(
    predictions: Sequence[str] | pd.Series,
    references: Sequence[Sequence[str]] | pd.Series,
    metrics: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Score every prediction against its references; a pair that occurs again is scored once.

    predictions: (pairs,) text; references: (pairs,) lists of one text or more; metrics: names in METRICS, by
    default all whose total is a plain mean. Returns a row a pair and a float64 column a metric, NaN where the
    metric is undefined. Raises ParameterError for an unknown metric, DataError for a side that is not text.
    """
    chosen = _metrics(metrics)
    if len(predictions) != len(references):
        raise DataError(
            f"{len(predictions)} predictions came with {len(references)} lists of references: pair them"
        )
    keys = [(prediction, tuple(texts)) for prediction, texts in zip(predictions, references, strict=True)]
    distinct = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    for prediction, texts in distinct:
        if not texts or not all(isinstance(text, str) for text in (prediction, *texts)):
            raise DataError(
                f"prediction {prediction!r} with references {list(texts)!r}: a pair needs text on both sides"
            )
    rows = np.array([distinct[key] for key in keys], dtype=np.intp)
    columns = {}
    for name in chosen:
        pair = METRICS[name].pair
        # None becomes NaN.
        scores = np.array([pair(prediction, texts) for prediction, texts in distinct], dtype=np.float64)
        columns[name] = scores[rows]
    return pd.DataFrame(columns, index=pd.RangeIndex(len(keys)))


def score_version(predictions: pd.DataFrame, test: pd.DataFrame) -> VersionScores:
    """Score a version's predictions (tables.PREDICTIONS) against the test set (tables.PAIRS), in any order of rows.

    Raises DataError where the predictions are not exactly one for each pair of the test set, or where the test set
    is empty, repeats a qa_id, lacks an answer or has a difficulty without a mark.
    """
    _check_test(test)
    _check_predictions(predictions, test)
    answered = predictions.set_index("qa_id")["prediction"]
    pairs = test[["qa_id", "image_id", *SLICES, "answer"]].sort_values("qa_id", ignore_index=True)
    pairs["difficulty"] = pairs["difficulty"].astype("Int8")
    pairs["prediction"] = answered.loc[pairs["qa_id"]].to_numpy()
    scores = score_pairs(pairs["prediction"], [[answer] for answer in pairs["answer"]], METRICS)
    unmarked = pairs["difficulty"].isna()
    for name, metric in METRICS.items():
        if metric.weights is not None:
            scores.loc[unmarked, name] = np.nan
    pairs = pd.concat([pairs, scores], axis=1)
    return VersionScores(_totals(pairs), pairs, by_slice(pairs))


def _totals(pairs: pd.DataFrame) -> dict[str, float | int]:
    difficulty = pairs["difficulty"].to_numpy(dtype=np.float64, na_value=np.nan)
    values = {name: aggregate(metric, pairs[name].to_numpy(), difficulty) for name, metric in METRICS.items()}
    return {name: value for name, value in values.items() if value is not None} | {
        "pairs": len(pairs),
        "images": pairs["image_id"].nunique(),
        "empty_predictions": sum(not tokens(text) for text in pairs["prediction"]),
        "empty_references": sum(not tokens(text) for text in pairs["answer"]),
    }


def _metrics(names: Iterable[str] | None) -> list[str]:
    if names is None:
        return [name for name, metric in METRICS.items() if metric.weights is None]
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in METRICS:
            raise ParameterError(f"{name!r} is not a metric: choose from {', '.join(METRICS)}")
    return chosen


def _check_test(test: pd.DataFrame) -> None:
    marks = {difficulty for metric in METRICS.values() for difficulty in metric.weights or ()}
    if test.empty:
        raise DataError(
            "the test set has no pair to score: run the stages that write it again, with more images"
        )
    problems = {
        "repeated qa_id": test["qa_id"].duplicated().sum(),
        "no answer": test["answer"].isna().sum(),
        f"a difficulty other than {', '.join(map(str, sorted(marks)))}": sum(
            difficulty not in marks for difficulty in test["difficulty"].dropna()
        ),
    }
    if found := _listed(problems):
        raise DataError(f"the test set cannot be scored ({found}): run the stages that write it again")


def _check_predictions(predictions: pd.DataFrame, test: pd.DataFrame) -> None:
    answered = predictions.loc[predictions["prediction"].notna(), "qa_id"]
    problems = {
        "test pairs without a prediction": (~test["qa_id"].isin(answered)).sum(),
        "predictions for pairs that are not in the test set": (
            ~predictions["qa_id"].isin(test["qa_id"])
        ).sum(),
        "repeated predictions": predictions["qa_id"].duplicated().sum(),
    }
    if found := _listed(problems):
        raise DataError(f"the predictions do not belong to this test set ({found}): run predict again")


def _listed(problems: dict[str, int]) -> str:
    return ", ".join(f"{count} × {problem}" for problem, count in problems.items() if count)
