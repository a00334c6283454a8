"""The table of metrics: what each is called, how it scores a pair, and how pairs make a total."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vqatune.evaluation.metrics import lexical, structural
from vqatune.evaluation.metrics.text import PairScore
from vqatune.evaluation.metrics.vqa import vqa_accuracy

MARKS: Mapping[int, float] = {0: 1.0, 1: 2.0, 2: 4.0, 3: 8.0, 5: 20.0}
"""What a correct answer counts in the average mark, by the question's difficulty."""


@dataclass(frozen=True)
class Metric:
    """A metric; the same name and version always mean the same number.

    `pair` scores a prediction against its references, None where it is not defined. The total is the mean over
    the pairs where it is; with `weights`, over the pairs that have a difficulty, each weighted by it.
    """

    name: str
    family: Literal["lexical", "structural", "difficulty"]
    pair: PairScore
    higher_is_better: bool = True
    version: int = 1
    weights: Mapping[int, float] | None = None


_ROWS = (
    Metric("exact_match", "lexical", lexical.exact_match),
    Metric("vqa_accuracy", "lexical", vqa_accuracy),
    Metric("bleu", "lexical", lexical.bleu),
    Metric("bleu1", "lexical", lexical.bleu1),
    Metric("rouge_l", "lexical", lexical.rouge_l),
    Metric("jaccard", "lexical", lexical.jaccard),
    Metric("dice", "lexical", lexical.dice),
    Metric("token_overlap", "lexical", lexical.token_overlap),
    Metric("precision_complete", "lexical", lexical.precision_complete),
    Metric("recall_complete", "lexical", lexical.recall_complete),
    Metric("precision_partial", "lexical", lexical.precision_partial),
    Metric("recall_partial", "lexical", lexical.recall_partial),
    Metric("lcs_ratio", "structural", structural.lcs_ratio),
    Metric("fuzzy", "structural", structural.fuzzy),
    Metric("jaccard_clean", "lexical", lexical.jaccard_clean),
    Metric("average_mark", "difficulty", lexical.exact_match, weights=MARKS),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}
"""Every metric by name, in the order in which scores are written."""


def aggregate(metric: Metric, scores: np.ndarray, difficulty: np.ndarray) -> float | None:
    """Return a metric's total over pairs, or None where it is defined for none of them.

    scores: float64 (pairs,), NaN where undefined. difficulty: float64 (pairs,), NaN where a pair has none, read by
    weighted metrics alone; a pair whose difficulty has no weight does not count. The sums are exactly rounded, so
    that the order of the pairs does not change the last bit.
    """
    weights = np.ones(len(scores))
    if metric.weights is not None:
        weights = np.array([metric.weights.get(value, 0.0) for value in difficulty])
    defined = ~np.isnan(scores) & (weights > 0)
    if not defined.any():
        return None
    return math.fsum((scores * weights)[defined].tolist()) / math.fsum(weights[defined].tolist())
