"""The table of metrics: their names, the functions that score pairs, totals over pairs, and where each is displayed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics import answer_kinds, lexical, structural
from vqatune.evaluation.metrics.meteor import meteor
from vqatune.evaluation.metrics.text import PairScore
from vqatune.evaluation.metrics.vqa import vqa_accuracy
from vqatune.evaluation.metrics.wups import wups_00, wups_09
from vqatune.params import EvalParams

MARKS: Mapping[int, float] = {0: 1.0, 1: 2.0, 2: 4.0, 3: 8.0, 5: 20.0}
"""The weight of a question in the average mark, by its difficulty."""

Family = Literal["lexical", "structural", "semantic", "difficulty", "image", "blind", "yes_no"]
Group = Literal["text", "wordnet", "bertscore", "sbert", "bartscore"]
"""Metrics that are scored together: those of texts alone, of WordNet, and of one model each."""
Derived = Callable[[pd.DataFrame, EvalParams], pd.Series]
Counted = Callable[[pd.DataFrame], np.ndarray]
"""How much each of some scored pairs counts in a ratio's denominator: float64, at least 0."""


@dataclass(frozen=True)
class Metric:
    """A metric. Its total is the mean over the pairs where it is defined.

    With `over`, it is a ratio instead: the sum of the scores over the sum of what `over` returns, of the same pairs.

    A score comes either from its group (`group`; by `pair`, or from the group's model) or, by `derive`, from the
    columns `needs` of pairs that have been scored. With `weights`, pairs that have a difficulty count, each by its
    weight.

    `lowest` and `highest` bound a pair's score; `higher_is_better` is None where neither is. Where it is displayed:
    `headline` metrics are those of their family that the report shows at first; `in_table` and `in_slices` rank what
    `vqatune table` and the tables by slice show as far as there is room, 1 first.
    """

    name: str
    family: Family
    group: Group | None = None
    pair: PairScore | None = None
    derive: Derived | None = None
    needs: tuple[str, ...] = ()
    weights: Mapping[int, float] | None = None
    over: Counted | None = None
    higher_is_better: bool | None = True
    lowest: float = 0.0
    highest: float = 1.0
    headline: bool = False
    in_table: int | None = None
    in_slices: int | None = None


def _wups_weighted(pairs: pd.DataFrame, params: EvalParams) -> pd.Series:
    return params.wups_weight * pairs["wups_09"] + (1 - params.wups_weight) * pairs["wups_00"]


def _average_mark(pairs: pd.DataFrame, params: EvalParams) -> pd.Series:
    return pairs["exact_match"].where(pairs["difficulty"].isin(list(MARKS)))


def _vccs(pairs: pd.DataFrame, params: EvalParams) -> pd.Series:
    return pairs["grounding"] * pairs["jaccard_clean"]


def _above_blind(pairs: pd.DataFrame, params: EvalParams) -> pd.Series:
    return pairs["exact_match"] - pairs["blind_exact_match"]


def _wrong_blindly(pairs: pd.DataFrame) -> np.ndarray:
    return 1.0 - pairs["blind_exact_match"].to_numpy(dtype=np.float64)


def _yes_no_hits(pairs: pd.DataFrame, params: EvalParams) -> pd.Series:
    return answer_kinds.yes_no_hits(pairs)


_ROWS = (
    Metric("exact_match", "lexical", "text", lexical.exact_match, headline=True, in_table=1, in_slices=1),
    Metric("vqa_accuracy", "lexical", "text", vqa_accuracy, in_table=2, in_slices=2),
    Metric("bleu", "lexical", "text", lexical.bleu, headline=True, in_table=3),
    Metric("bleu1", "lexical", "text", lexical.bleu1),
    Metric("rouge_l", "lexical", "text", lexical.rouge_l, in_table=14, in_slices=3),
    Metric("meteor", "lexical", "wordnet", meteor, headline=True, in_table=11),
    Metric("jaccard", "lexical", "text", lexical.jaccard),
    Metric("dice", "lexical", "text", lexical.dice),
    Metric(
        "token_overlap", "lexical", "text", lexical.token_overlap, headline=True, in_table=12, in_slices=6
    ),
    Metric("precision_complete", "lexical", "text", lexical.precision_complete),
    Metric("recall_complete", "lexical", "text", lexical.recall_complete),
    Metric("precision_partial", "lexical", "text", lexical.precision_partial),
    Metric("recall_partial", "lexical", "text", lexical.recall_partial),
    Metric("lcs_ratio", "structural", "text", structural.lcs_ratio),
    Metric("fuzzy", "structural", "text", structural.fuzzy, in_table=5, in_slices=5),
    Metric("anls", "structural", "text", structural.anls),
    Metric("bertscore_precision", "semantic", "bertscore"),
    Metric("bertscore_recall", "semantic", "bertscore"),
    Metric("bertscore_f1", "semantic", "bertscore", headline=True, in_table=6),
    Metric("bartscore", "semantic", "bartscore", lowest=-math.inf, highest=0.0),
    Metric("sbert_cosine", "semantic", "sbert", lowest=-1.0, headline=True, in_table=9, in_slices=4),
    Metric("wups_00", "semantic", "wordnet", wups_00),
    Metric("wups_09", "semantic", "wordnet", wups_09),
    Metric(
        "wups_weighted",
        "semantic",
        derive=_wups_weighted,
        needs=("wups_00", "wups_09"),
        headline=True,
        in_table=10,
    ),
    Metric(
        "average_mark",
        "difficulty",
        derive=_average_mark,
        needs=("exact_match", "difficulty"),
        weights=MARKS,
        in_table=7,
        in_slices=7,
    ),
    Metric("vccs", "image", derive=_vccs, needs=("grounding", "jaccard_clean"), in_table=13),
    Metric(
        "grounding",
        "image",
        derive=lambda pairs, params: pairs["grounding"],
        needs=("grounding",),
        in_table=8,
    ),
    Metric("jaccard_clean", "lexical", "text", lexical.jaccard_clean),
    Metric(
        "skill",
        "blind",
        derive=_above_blind,
        needs=("exact_match", "blind_exact_match"),
        over=_wrong_blindly,
        lowest=-1.0,
        in_table=4,
    ),
    Metric(
        "yes_no_precision",
        "yes_no",
        derive=_yes_no_hits,
        over=answer_kinds.counts_in_precision,
        headline=True,
    ),
    Metric("yes_no_recall", "yes_no", derive=_yes_no_hits, over=answer_kinds.counts_in_recall, headline=True),
    Metric(
        "yes_no_f1",
        "yes_no",
        derive=_yes_no_hits,
        over=answer_kinds.counts_in_f1,
        headline=True,
        in_table=15,
    ),
    Metric(
        "yes_share",
        "yes_no",
        derive=lambda pairs, params: answer_kinds.says_yes(pairs),
        higher_is_better=None,
    ),
)


METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}
"""Every metric by name, in the order in which scores are written."""


def ranked(place: str) -> list[str]:
    """Return the metrics that have a rank, `in_table` or `in_slices`, in its order."""
    ranks = {name: getattr(metric, place) for name, metric in METRICS.items()}
    return sorted((name for name, rank in ranks.items() if rank is not None), key=ranks.__getitem__)


PUBLISHED: dict[str, PairScore] = {
    "vqa_accuracy": lexical.exact_match,
    "lcs_ratio": structural.lcs_over_longer,
}
"""Metrics as the code behind published tables computed them, where that differs."""


def total_terms(metric: Metric, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return what each pair adds to the numerator and to the denominator of a metric's total: float64 of shape (pairs,).

    Both are 0 for a pair where the metric is not defined, and for one without a weight.

    pairs: scored, with the metric's column and what its weights or its `over` are made from.
    """
    scores = pairs[metric.name].to_numpy(dtype=np.float64)
    weights = np.ones(len(pairs)) if metric.over is None else metric.over(pairs)
    if metric.weights is not None:
        weights = pairs["difficulty"].map(metric.weights).fillna(0.0).to_numpy(dtype=np.float64)
    counted = np.where(np.isnan(scores), 0.0, weights)
    if metric.over is not None:
        return np.where(np.isnan(scores), 0.0, scores), counted
    return np.where(counted > 0, scores * weights, 0.0), counted


def aggregate(numerators: np.ndarray, denominators: np.ndarray) -> float | None:
    """Return the ratio of the sums of what pairs add to them (total_terms), or None where the denominator is 0.

    The sums are exactly rounded, so that the order of the pairs does not change the last bit.
    """
    denominator = math.fsum(denominators.tolist())
    return math.fsum(numerators.tolist()) / denominator if denominator else None
