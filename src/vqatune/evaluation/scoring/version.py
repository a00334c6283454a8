"""The scores of a version: its predictions against the test set, in all, with intervals, and by slice."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.metrics.table import MARKS
from vqatune.evaluation.scoring.score import Scores, score
from vqatune.evaluation.scoring.slices import SLICES, add_slices, by_part_of_speech, by_slice
from vqatune.params import Params
from vqatune.tables import PAIRS, SAMPLED, read_table


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a version is measured on."""

    pairs: pd.DataFrame
    """tables.PAIRS of the test set."""
    training_answers: pd.Series
    """The answers of all training pairs."""
    tiers: pd.DataFrame
    """product_type and tier of the sampled images."""


@dataclass(frozen=True, eq=False)
class VersionScores:
    """The scores of one version.

    values: metric → value, then the counts pairs, images, empty_predictions and empty_references; without the metrics
    that are absent.
    scores: of the pairs, sorted by qa_id, with qa_id, image_id, question, the slice columns, prediction and references.
    """

    values: dict[str, float | int]
    scores: Scores

    def intervals(self) -> pd.DataFrame:
        """Return a row a metric: metric, value, low, high, pairs, absent (why it has no value, or nothing)."""
        reasons = pd.DataFrame(self.scores.absent.items(), columns=["metric", "absent"])
        table = pd.concat([self.scores.totals, reasons], ignore_index=True)
        table["pairs"] = table["pairs"].astype("Int64")
        return table.sort_values(
            "metric", key=lambda names: names.map(list(METRICS).index), ignore_index=True
        )

    def by(self) -> pd.DataFrame:
        """Return the scores by slice (slices.by_slice), and token_overlap by part of speech."""
        metrics = self.scores.totals["metric"].tolist()
        table = by_slice(self.scores.pairs, SLICES, metrics)
        if "token_overlap" not in metrics:
            return table
        return pd.concat([table, by_part_of_speech(self.scores.pairs)], ignore_index=True)


def read_test(root: Path) -> HeldOut:
    """Read what versions are measured on from a checkout; raises DataError where it has not been made yet."""
    data = root / "data"
    return HeldOut(
        read_table(data / "test.parquet", PAIRS),
        read_table(data / "train.parquet", PAIRS, ["answer"])["answer"],
        read_table(data / "sampled.parquet", SAMPLED, ["product_type", "tier"]),
    )


def score_version(
    predictions: pd.DataFrame,
    test: HeldOut,
    params: Params,
    store: Path | None = None,
    metrics: Iterable[str] | None = None,
) -> VersionScores:
    """Score a version's predictions (tables.PREDICTIONS), in any order of rows.

    Args:
        predictions: exactly one for each pair of the test set.
        test: what they are measured on.
        params: uses eval, compute and seed.
        store: as for `score`.
        metrics: as for `score`.

    Raises:
        DataError: the predictions are not those of this test set, or the test set cannot be scored.
        ParameterError, ModelError: as `score`.
    """
    _check_test(test.pairs)
    _check_predictions(predictions, test.pairs)
    answered = predictions.set_index("qa_id")[["prediction", "grounding"]]
    pairs = add_slices(test.pairs, test.training_answers, test.tiers)
    columns = ["qa_id", "image_id", "question", *SLICES]
    pairs = pairs.sort_values("qa_id", ignore_index=True)[[*columns, "answer"]]
    pairs = pairs.rename(columns={"answer": "references"}).join(answered, on="qa_id")
    scores = score(pairs, metrics, params=params.eval, compute=params.compute, store=store, seed=params.seed)
    values = dict(scores.totals[["metric", "value"]].itertuples(index=False)) | scores.counts
    return VersionScores(values, scores)


def _check_test(test: pd.DataFrame) -> None:
    if test.empty:
        raise DataError(
            "the test set has no pair to score: run the stages that write it again, with more images"
        )
    problems = {
        "repeated qa_id": test["qa_id"].duplicated().sum(),
        "no answer": test["answer"].isna().sum(),
        f"a difficulty other than {', '.join(map(str, MARKS))}": (
            ~test["difficulty"].dropna().isin(list(MARKS))
        ).sum(),
    }
    if found := _listed(problems):
        raise DataError(f"the test set cannot be scored ({found}): run the stages that write it again")


def _check_predictions(predictions: pd.DataFrame, test: pd.DataFrame) -> None:
    answered = pd.Index(predictions.loc[predictions["prediction"].notna(), "qa_id"])
    problems = {
        "test pairs without a prediction": _lacking(pd.Index(test["qa_id"]), answered),
        "predictions for pairs that are not in the test set": _lacking(
            pd.Index(predictions["qa_id"]), pd.Index(test["qa_id"])
        ),
        "repeated predictions": int(predictions["qa_id"].duplicated().sum()),
    }
    if found := _listed(problems):
        raise DataError(f"the predictions do not belong to this test set ({found}): run predict again")


def _lacking(names: pd.Index, among: pd.Index) -> int:
    """Return how many of the names are not among the others."""
    return int((among.unique().get_indexer(names) < 0).sum())


def _listed(problems: dict[str, int]) -> str:
    return ", ".join(f"{count} × {problem}" for problem, count in problems.items() if count)
