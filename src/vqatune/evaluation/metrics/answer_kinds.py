"""Kinds of answers, as the VQA benchmarks have them (yes/no, number, other), and the scores of yes/no questions.

Antol et al., "VQA: Visual Question Answering", ICCV 2015; Li et al., "Evaluating Object Hallucination in Large
Vision-Language Models" (POPE), EMNLP 2023, for precision, recall, F1 and the share of yes.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics.parts_of_speech import part_of_speech
from vqatune.evaluation.metrics.text import plain, tokens

AnswerKind = Literal["yes/no", "number", "other"]

YES_NO = ("yes", "no")
"""The answers of yes/no questions, in plain form."""


def answer_kind(answer: str) -> AnswerKind:
    """Return the kind of an answer, by its plain form: all its tokens are numbers, in digits or words, in a number."""
    if plain(answer) in YES_NO:
        return "yes/no"
    words = tokens(answer)
    return "number" if words and all(part_of_speech(word) == "number" for word in words) else "other"


def yes_no_hits(pairs: pd.DataFrame) -> pd.Series:
    """Return whether prediction and reference are both yes: 1.0 or 0.0, NaN where the reference is neither yes nor no.

    pairs: prediction, a text, and references, a text or a sequence of texts, of which the most frequent one counts (of
    equally frequent ones the first).
    """
    predictions, references = _sides(pairs)
    return _over_yes_no((predictions == "yes") & (references == "yes"), references, pairs)


def says_yes(pairs: pd.DataFrame) -> pd.Series:
    """Return whether the prediction is yes: 1.0 or 0.0, NaN where the reference is neither yes nor no.

    pairs: as for `yes_no_hits`.
    """
    predictions, references = _sides(pairs)
    return _over_yes_no(predictions == "yes", references, pairs)


def counts_in_precision(pairs: pd.DataFrame) -> np.ndarray:
    """Return which predictions precision is of, 1.0 or 0.0: all but no; one that is neither yes nor no is wrong."""
    return (_sides(pairs)[0] != "no").astype(np.float64)


def counts_in_recall(pairs: pd.DataFrame) -> np.ndarray:
    """Return which references recall is of, 1.0 or 0.0: yes."""
    return (_sides(pairs)[1] == "yes").astype(np.float64)


def counts_in_f1(pairs: pd.DataFrame) -> np.ndarray:
    """Return how much a pair is in F1's denominator: F1 is the hits over the mean of precision's and recall's counts."""
    return (counts_in_precision(pairs) + counts_in_recall(pairs)) / 2


def _over_yes_no(hits: np.ndarray, references: np.ndarray, pairs: pd.DataFrame) -> pd.Series:
    return pd.Series(np.where(np.isin(references, YES_NO), hits.astype(np.float64), np.nan), pairs.index)


def _sides(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the plain forms of predictions and references: object, (pairs,)."""
    return _plain(pairs["prediction"]), _plain(pairs["references"])


def _plain(texts: pd.Series) -> np.ndarray:
    if not isinstance(texts.dtype, pd.StringDtype):
        texts = pd.Series([_most_frequent(each) for each in texts], dtype="str")
    codes, distinct = pd.factorize(texts)
    return np.array([plain(text) for text in distinct], dtype=object)[codes]


def _most_frequent(texts: str | Sequence[str]) -> str:
    if isinstance(texts, str):
        return texts
    counts = Counter(map(plain, texts))
    # Of equal counts it returns the one that it met first.
    return max(counts, key=counts.__getitem__)
