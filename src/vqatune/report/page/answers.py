"""Every version's answers to the questions of the test set, and whether they are right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.scoring.evaluation_set import read_evaluation_set
from vqatune.evaluation.scoring.slices import SLICES, add_slices
from vqatune.params.versions import predicting_stage
from vqatune.tables import PREDICTIONS, read_table


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of some versions to a test set.

    versions: their names, the blind guess and base first. pairs: tables.PAIRS and the columns of SLICES, sorted by qa_id. texts: the
    answers, object of shape (pairs, versions). probabilities: float64 of that shape, in [0, 1], NaN where an image
    did not open, and for the blind guess. right: whether an answer is the reference (exact match), bool of that shape.
    """

    versions: list[str]
    pairs: pd.DataFrame
    texts: np.ndarray
    probabilities: np.ndarray
    right: np.ndarray


def read_answers(root: Path, versions: Sequence[str]) -> Answers:
    """Read the test set and the versions' predictions in a checkout.

    Raises DataError where one of them has not been made yet, or predictions are not those of this test set.
    """
    pairs = read_pairs(root)
    columns = [_read_predictions(root / "data/predictions" / f"{name}.parquet", pairs) for name in versions]
    return join_answers(list(versions), pairs, columns)


def read_pairs(root: Path) -> pd.DataFrame:
    """Return the test set of a checkout with the columns of SLICES, sorted by qa_id; raises DataError as `read_answers`."""
    test_set = read_evaluation_set(root)
    pairs = add_slices(test_set.pairs, test_set.training["answer"], test_set.tiers)
    pairs = pairs.sort_values("qa_id", ignore_index=True)
    if pairs.empty:
        raise DataError(
            f"{root / 'data/test.parquet'} has no pair: run the stages before it with more images"
        )
    return pairs


def join_answers(names: list[str], pairs: pd.DataFrame, predictions: Sequence[pd.DataFrame]) -> Answers:
    """Return the answers of several to the same pairs; predictions: tables.PREDICTIONS of each, in the order of the pairs."""
    texts = np.stack([column["prediction"].to_numpy(dtype=object) for column in predictions], axis=1)
    logarithms = np.stack([column["log_probability"].to_numpy() for column in predictions], axis=1)
    right = _right(texts, pairs["answer"])
    return Answers(names, pairs, texts, np.exp(np.minimum(logarithms, 0.0)), right)


def _read_predictions(path: Path, pairs: pd.DataFrame) -> pd.DataFrame:
    columns = ["qa_id", "prediction", "log_probability"]
    table = read_table(path, PREDICTIONS, columns).sort_values("qa_id", ignore_index=True)
    if not table["qa_id"].equals(pairs["qa_id"]) or table["prediction"].isna().any():
        stage = predicting_stage(path.stem)
        raise DataError(f"{path} does not answer the questions of data/test.parquet: run `dvc repro {stage}`")
    return table


def _right(texts: np.ndarray, references: pd.Series) -> np.ndarray:
    """Return which answers are the reference, each distinct (answer, reference) being compared once."""
    score = METRICS["exact_match"].pair
    codes, answers = pd.factorize(texts.ravel())
    wanted, distinct = pd.factorize(np.repeat(references.to_numpy(dtype=object), texts.shape[1]))
    both, place = np.unique(codes * len(distinct) + wanted, return_inverse=True)
    right = [
        score(answers[code // len(distinct)], [distinct[code % len(distinct)]]) for code in both.tolist()
    ]
    return (np.array(right) > 0)[place].reshape(texts.shape)


def slice_values(answers: Answers) -> dict[str, pd.Series]:
    """Return the slices of the test set: name → the pairs' values as text, missing ones as None."""
    texts = {}
    for name in SLICES:
        values = answers.pairs[name].astype(object)
        texts[name] = values.where(values.isna(), values.map(str)).where(values.notna(), None)
    return texts
