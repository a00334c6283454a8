"""What a version answers wrong: its most frequent wrong answers, and which test pairs they are of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.confusion import EMPTY, NO_TYPE
from vqatune.report.figures.confusion import Cell, CellExamples
from vqatune.report.page.answers import Answers

MOST = 15
"""So many wrong answers, those seen most, are named."""


@dataclass(frozen=True)
class WrongAnswer:
    """An answer that a version gives in place of another one.

    question_type, reference, prediction: the last two in plain form. pairs: so many test pairs have it. share: of the pairs
    of this question type and reference. link: to `examples` of it; None where the page has none.
    """

    question_type: str
    reference: str
    prediction: str
    pairs: int
    share: float
    link: str | None
    examples: int


def plain_texts(texts: np.ndarray) -> np.ndarray:
    """Return the plain forms of texts, those without a token as EMPTY; object of the same shape."""
    codes, distinct = pd.factorize(texts.ravel())
    forms = np.array([plain(text) or EMPTY for text in distinct], dtype=object)
    return forms[codes].reshape(texts.shape)


def pair_cells(answers: Answers, version: str) -> pd.DataFrame:
    """Return the cell of the confusion table that each test pair is in.

    Returns:
        question_type (NO_TYPE where a pair has none), reference and prediction in plain form, and right: whether the
        version's answer is the reference; a row a pair, in their order.
    """
    place = answers.versions.index(version)
    return pd.DataFrame(
        {
            "question_type": answers.pairs["question_type"]
            .fillna(NO_TYPE)
            .astype(str)
            .to_numpy(dtype=object),
            "reference": plain_texts(answers.pairs["answer"].to_numpy(dtype=object)),
            "prediction": plain_texts(answers.texts[:, place]),
            "right": answers.right[:, place],
        }
    )


def frequent_wrong(cells: pd.DataFrame, most: int) -> pd.Series:
    """Return the pairs of the most frequent wrong answers, of equally frequent ones the first in the alphabet.

    cells: what pair_cells returns. The series' index is question_type, reference and prediction.
    """
    counts = cells.loc[~cells["right"], list(Cell._fields)].value_counts(sort=False)
    order = sorted(counts.index, key=lambda cell: (-counts[cell], cell))
    return counts.loc[order[:most]]


def wrong_answers(cells: pd.DataFrame, examples: Mapping[Cell, CellExamples]) -> list[WrongAnswer]:
    """Return the MOST frequent wrong answers of a version.

    Args:
        cells: what pair_cells returns.
        examples: what cell_examples returns.
    """
    sizes = cells.groupby(["question_type", "reference"]).size()
    found = []
    for key, pairs in frequent_wrong(cells, MOST).items():
        cell = Cell(*key)
        shown = examples.get(cell)
        found.append(
            WrongAnswer(
                *cell,
                int(pairs),
                float(pairs / sizes[cell.question_type, cell.reference]),
                shown.link if shown else None,
                shown.examples if shown else 0,
            )
        )
    return found
