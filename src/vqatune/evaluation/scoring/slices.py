"""Scores by slice: by difficulty, question type, product type and its tier, and by the answer.

A slice is a column; its rows say how many pairs and images they are of, so that no one reads a slice of five.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics import METRICS, total_terms
from vqatune.evaluation.metrics.answer_kinds import answer_kind
from vqatune.evaluation.metrics.parts_of_speech import PARTS_OF_SPEECH, overlap_by_part_of_speech
from vqatune.evaluation.metrics.text import plain


@dataclass(frozen=True)
class Slice:
    """A column by whose values the scores of a version are divided."""

    column: str
    """A column of the test pairs, after `add_slices`; also the slice's name in metrics/by."""
    label: str
    """As it is called in texts."""
    in_report: bool = False
    """Whether the report has a heat map of it, and names its best and worst value."""
    order: Literal["value", "pairs"] = "value"
    """How the report sorts its values: as they rise, or those with most pairs first."""


_ROWS = (
    Slice("difficulty", "difficulty", in_report=True),
    Slice("question_type", "question type", in_report=True, order="pairs"),
    Slice("product_type", "product type", in_report=True, order="pairs"),
    Slice("tier", "tier"),
    Slice("answer_kind", "answer kind"),
    Slice("answer_length", "answer length"),
    Slice("answer_in_training", "answer in training"),
)
SLICES: dict[str, Slice] = {entry.column: entry for entry in _ROWS}
"""The slices of a version's scores by column, in the order in which they are written and shown."""
SMALLEST_SLICE = 20
"""A slice of fewer pairs says little: it is shown apart or left out."""


def slice_label(column: str) -> str:
    """Return what a slice is called in texts: its label, or the name of its column where it is one of the user's."""
    return SLICES[column].label if column in SLICES else column


_LENGTHS = (0, 4, 7, 10, 15)
_LENGTH_NAMES = ["up to 3 characters", "4 to 6", "7 to 9", "10 to 14", "15 or more"]


def add_slices(test: pd.DataFrame, training_answers: pd.Series, tiers: pd.DataFrame) -> pd.DataFrame:
    """Return test pairs with the columns of slices that the table of pairs does not have.

    Args:
        test: tables.PAIRS.
        training_answers: the answers of all training pairs.
        tiers: product_type and tier (its lower bound in images) of the sampled images.

    Returns:
        The pairs with tier, answer_kind (answer_kinds.AnswerKind), answer_length (in characters of the plain form) and
        answer_in_training (seen or unseen).
    """
    tier_of = tiers.drop_duplicates("product_type").set_index("product_type")["tier"]
    seen = {plain(answer) for answer in training_answers.unique()}
    codes, distinct = pd.factorize(test["answer"])
    answers = pd.Series(list(map(plain, distinct)), dtype="str").take(codes).set_axis(test.index)
    lengths = pd.cut(answers.str.len(), [*_LENGTHS, np.inf], right=False, labels=_LENGTH_NAMES)
    return test.assign(
        tier=test["product_type"].map(tier_of).astype("Int64"),
        answer_kind=pd.Series(list(map(answer_kind, distinct)), dtype="str").take(codes).set_axis(test.index),
        answer_length=lengths,
        answer_in_training=np.where(answers.isin(seen), "seen", "unseen"),
    )


def by_slice(pairs: pd.DataFrame, slices: Iterable[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return the scores of the pairs by each value of some columns.

    Args:
        pairs: the columns of `slices` and of `metrics`, what the metrics' totals are made from (metrics.total_terms),
            and image_id where pairs share images.
        slices: columns; a pair without a value is in no row.
        metrics: names in METRICS.

    Returns:
        slice, value (text), pairs, images and a float64 column a metric (NaN where undefined), sorted by value within
        each slice.
    """
    parts = [_one_slice(pairs, slice_, metrics) for slice_ in slices]
    return pd.concat(parts, ignore_index=True)


def _one_slice(pairs: pd.DataFrame, slice_: str, metrics: Sequence[str]) -> pd.DataFrame:
    codes, values = pd.factorize(pairs[slice_], sort=True)
    pairs, codes = pairs[codes >= 0], codes[codes >= 0]
    table = _heads(slice_, list(map(str, values)), pairs, codes)
    for name in metrics:
        numerators, denominators = total_terms(METRICS[name], pairs)
        sums = np.bincount(codes, numerators, len(values))
        totals = np.bincount(codes, denominators, len(values))
        table[name] = np.divide(sums, totals, out=np.full(len(values), np.nan), where=totals > 0)
    return table


def by_part_of_speech(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the references' tokens that the predictions have, by part of speech.

    pairs: prediction and references (one text), and image_id where pairs share images. Returns slice
    (`part_of_speech`), value, pairs, images and token_overlap, the share.
    """
    sides = [pd.factorize(pairs[name]) for name in ("prediction", "references")]
    (predictions, ours), (references, theirs) = sides
    distinct, codes = np.unique(predictions * len(theirs) + references, return_inverse=True)
    ours, theirs = ours.tolist(), theirs.tolist()
    overlaps = [
        overlap_by_part_of_speech(ours[code // len(theirs)], theirs[code % len(theirs)])
        for code in distinct.tolist()
    ]
    parts = []
    for part in PARTS_OF_SPEECH:
        counts = np.array([overlap.get(part, (0, 0)) for overlap in overlaps], dtype=np.int64)[codes]
        present = counts[:, 1] > 0
        if present.any():
            head = _heads("part_of_speech", [part], pairs[present], np.zeros(present.sum(), dtype=np.intp))
            found, total = counts.sum(0)
            parts.append(head.assign(token_overlap=found / total))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _heads(slice_: str, values: list[str], pairs: pd.DataFrame, codes: np.ndarray) -> pd.DataFrame:
    counts = np.bincount(codes, minlength=len(values))
    images = counts
    if "image_id" in pairs.columns:
        of_image = pd.DataFrame({"value": codes, "image": pairs["image_id"].to_numpy()}).drop_duplicates()
        images = np.bincount(of_image["value"], minlength=len(values))
    return pd.DataFrame({"slice": slice_, "value": values, "pairs": counts, "images": images})
