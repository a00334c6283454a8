"""The scores of a version on the test or the validation set: totals with intervals, and by slice."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.scoring.blind import blind_exact_match
from vqatune.evaluation.scoring.confusion import confusion_table
from vqatune.evaluation.scoring.evaluation_set import EvaluationSet, check_pairs, check_predictions
from vqatune.evaluation.scoring.score import Scores, score, score_into_store
from vqatune.evaluation.scoring.slices import SLICES, add_slices, by_part_of_speech, by_slice
from vqatune.params import Params
from vqatune.tables import PREDICTIONS, read_table

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class VersionScores:
    """The scores of one version.

    values: metric → value, then the counts pairs, images, empty_predictions and empty_references; without the metrics
    that are absent.
    scores: of the pairs, sorted by qa_id, with qa_id, image_id, question, the slice columns, prediction, references and,
    where there are training pairs, blind_exact_match (whether the blind guess is right).
    """

    values: dict[str, float | int]
    scores: Scores

    def intervals(self) -> pd.DataFrame:
        """Return a row a metric (interval_table)."""
        return interval_table(self.scores)

    def by(self) -> pd.DataFrame:
        """Return the scores by slice (slices.by_slice), and token_overlap by part of speech."""
        metrics = self.scores.totals["metric"].tolist()
        table = by_slice(self.scores.pairs, SLICES, metrics)
        if "token_overlap" not in metrics:
            return table
        return pd.concat([table, by_part_of_speech(self.scores.pairs)], ignore_index=True)

    def confusion(self) -> pd.DataFrame:
        """Return how many pairs of each reference have which prediction, by question type (confusion.confusion_table)."""
        return confusion_table(self.scores.pairs)


def interval_table(scores: Scores) -> pd.DataFrame:
    """Return a row a metric: metric, value, low, high, pairs, absent (the reason why it has no value, or missing)."""
    reasons = pd.DataFrame(scores.absent.items(), columns=["metric", "absent"])
    table = pd.concat([scores.totals, reasons], ignore_index=True)
    table["pairs"] = table["pairs"].astype("Int64")
    return table.sort_values("metric", key=lambda names: names.map(list(METRICS).index), ignore_index=True)


def score_version(
    predictions: pd.DataFrame,
    evaluated: EvaluationSet,
    params: Params,
    store: Path | None = None,
    metrics: Iterable[str] | None = None,
) -> VersionScores:
    """Score a version's predictions (tables.PREDICTIONS), in any order of rows.

    Args:
        predictions: exactly one for each pair of the set.
        evaluated: the set.
        params: uses eval, compute and seed.
        store: as for `score`.
        metrics: as for `score`.

    Raises:
        DataError: the predictions are not those of this set, or the set cannot be scored.
        ParameterError, ModelError: as `score`.
    """
    check_pairs(evaluated)
    pairs = add_slices(evaluated.pairs, evaluated.training["answer"], evaluated.tiers)
    columns = ["qa_id", "image_id", "question", *SLICES, "answer"]
    if len(evaluated.training):
        pairs["blind_exact_match"] = blind_exact_match(evaluated.training, evaluated.pairs)
        columns.append("blind_exact_match")
    pairs = pairs.sort_values("qa_id", ignore_index=True)[columns]
    pairs = _join(predictions, evaluated, pairs)
    scores = score(pairs, metrics, params=params.eval, compute=params.compute, store=store, seed=params.seed)
    values = dict(scores.totals[["metric", "value"]].itertuples(index=False)) | scores.counts
    return VersionScores(values, scores)


def score_validation(
    predictions: pd.DataFrame, validation: EvaluationSet, params: Params, store: Path | None = None
) -> dict[str, float | int]:
    """Return a version's values on the validation set: metric → value, then the counts, as VersionScores.values.

    Takes and raises what `score_version` does, but the set may be empty: then there are no metrics, and 0 pairs.
    """
    if validation.pairs.empty:
        return {"pairs": 0, "images": 0}
    return score_version(predictions, validation, params, store).values


def store_scores(files: Iterable[Path], evaluated: EvaluationSet, params: Params, store: Path) -> None:
    """Score the pairs of prediction files into a store, so that `score_version` finds them there and loads no model.

    Args:
        files: of any versions (tables.PREDICTIONS). One that is damaged is skipped with a message in the log, and one that is not of
            this set, as a version has whose stage predict is yet to run, without: where it is evaluated, that is an error.
        evaluated: the set; nothing is done where it is empty.
        params: uses eval and compute.
        store: the folder of the store.

    Raises:
        DataError: the set cannot be scored, or the store cannot be used.
        ModelError: as `score`.
    """
    if evaluated.pairs.empty:
        return
    check_pairs(evaluated)
    distinct = []
    for file in files:
        try:
            predictions = read_table(file, PREDICTIONS, ["qa_id", "prediction"])
        except DataError as error:
            _log.info("%s is not scored ahead: %s", file, error)
            continue
        with suppress(DataError):
            pairs = _join(predictions, evaluated, evaluated.pairs[["qa_id", "answer"]])
            distinct.append(pairs[["prediction", "references"]].drop_duplicates())
    if distinct:
        score_into_store(pd.concat(distinct).drop_duplicates(), params.eval, params.compute, store)


def _join(predictions: pd.DataFrame, evaluated: EvaluationSet, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of a set with their answer as `references`, and the columns of their predictions but its probability.

    Raises DataError where the predictions are not exactly one for each pair of the set.
    """
    check_predictions(predictions, evaluated)
    answered = predictions.set_index("qa_id").drop(columns="log_probability", errors="ignore")
    return pairs.rename(columns={"answer": "references"}).join(answered, on="qa_id")
