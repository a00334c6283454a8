"""What a version answers wrong: its most frequent wrong answers, and which test pairs they are of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.confusion import EMPTY, NO_TYPE
from vqatune.report.figures.confusion import Cell, CellExamples
from vqatune.report.page.answers import Answers
from vqatune.report.page.example_links import wrong_link

MOST = 15
"""So many wrong answers, those seen most, are named."""
MISSED_SHOWN = 10
"""So many references, those with the lowest recall, are named."""
MISSED_FEWEST = 5
"""A reference of fewer questions is not named among them."""
MISSED_RECALL = 0.5
"""Nor is one of such a recall or more."""


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


@dataclass(frozen=True)
class MissedReference:
    """A reference that a version seldom gives.

    question_type, reference: the latter in plain form. pairs: so many test pairs have it. share: of them that are answered by
    it. instead: the most frequent wrong answer, in plain form. link: to `examples` that are answered wrong; None where there are
    none.
    """

    question_type: str
    reference: str
    pairs: int
    share: float
    instead: str
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
    """Return the pairs of the most frequent wrong answers; of equally frequent ones that of the rarest reference first.

    cells: what pair_cells returns. The series' index is question_type, reference and prediction.
    """
    counts = cells.loc[~cells["right"], list(Cell._fields)].value_counts(sort=False)
    sizes = cells.groupby(["question_type", "reference"]).size()
    order = sorted(counts.index, key=lambda cell: (-counts[cell], sizes[cell[:2]], cell))
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


def missed_references(
    cells: pd.DataFrame, examples: Mapping[Cell, CellExamples], version: str
) -> list[MissedReference]:
    """Return the references with the lowest recall, at most MISSED_SHOWN, of equal ones the most frequent first.

    They have MISSED_FEWEST pairs or more, and a recall below MISSED_RECALL.

    Args:
        cells: what pair_cells returns.
        examples: what cell_examples returns.
        version: its name.
    """
    of_reference = ["question_type", "reference"]
    found = cells.groupby(of_reference)["right"].agg(["size", "mean"])
    found = found[(found["size"] >= MISSED_FEWEST) & (found["mean"] < MISSED_RECALL)]
    order = sorted(found.index, key=lambda key: (found.at[key, "mean"], -found.at[key, "size"], key))
    wrong = cells[~cells["right"]].groupby(of_reference)["prediction"]
    missed = []
    for key in order[:MISSED_SHOWN]:
        said = wrong.get_group(key).value_counts()
        instead = min(said.index, key=lambda text: (-said[text], text))
        count = sum(
            each.examples
            for cell, each in examples.items()
            if (cell.question_type, cell.reference) == key and cell.prediction != cell.reference
        )
        link = wrong_link(*key, version) if count else None
        size, share = found.loc[key]
        missed.append(MissedReference(*key, int(size), float(share), instead, link, count))
    return missed
