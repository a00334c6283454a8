"""The section of the page on what a version answers wrong, and on what changes from version to version."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from vqatune.report.figures.agreement import agreement_figure
from vqatune.report.figures.confusion import confusion_figure, example_links
from vqatune.report.figures.figure import Section, as_cells
from vqatune.report.figures.yes_no import yes_no_figure, yes_no_types_figure
from vqatune.report.page.answers import Answers
from vqatune.report.page.example_links import cell_examples
from vqatune.report.page.wrong_answers import (
    MISSED_FEWEST,
    MISSED_SHOWN,
    MissedReference,
    WrongAnswer,
    missed_references,
    pair_cells,
    plain_texts,
    wrong_answers,
)


@dataclass(frozen=True, eq=False)
class Errors:
    """The section, and before its figures two tables of a version."""

    version: str
    most: pd.DataFrame
    """The wrong answers seen most."""
    missed: pd.DataFrame
    """The references with the lowest recall; it may be empty."""
    wrong: int
    """So many test pairs the version answers wrong."""
    section: Section
    shown: int = MISSED_SHOWN
    fewest: int = MISSED_FEWEST
    """A reference of fewer questions is not among them."""


def find_errors(root: Path, answers: Answers, examples: Mapping[str, Any], version: str) -> Errors:
    """Return the section on the errors of a version.

    It reads metrics/confusion. Raises DataError where the version has not been evaluated.

    Args:
        root: the checkout of the run.
        answers: to the test set.
        examples: what example_data returns.
        version: a name.
    """
    found = cell_examples(examples, version)
    cells = pair_cells(answers, version)
    texts = plain_texts(answers.texts)
    references = cells["reference"].to_numpy(dtype=object)
    figures = [
        confusion_figure(root, version, found),
        yes_no_figure(answers.versions, texts, references, answers.right, version),
        yes_no_types_figure(cells, version),
        agreement_figure(answers.versions, texts, answers.right),
    ]
    section = Section("errors", "Errors", "", [figure for figure in figures if figure])
    return Errors(
        version,
        _table(wrong_answers(cells, found)),
        _missed_table(missed_references(cells, found, version)),
        int(np.sum(~cells["right"])),
        section,
    )


def _missed_table(missed: list[MissedReference]) -> pd.DataFrame:
    name = Markup('<span class="kind">{}</span> {}')
    return pd.DataFrame(
        {
            "reference": as_cells([name.format(each.question_type, each.reference) for each in missed]),
            "questions": [f"{each.pairs:,}" for each in missed],
            "right": [f"{each.share:.1%}" for each in missed],
            "most frequent wrong answer": [each.instead for each in missed],
            "examples": as_cells(
                example_links([each.link for each in missed], [each.examples for each in missed])
            ),
        }
    )


def _table(wrong: list[WrongAnswer]) -> pd.DataFrame:
    name = Markup('<span class="kind">{}</span> {} → {}')
    return pd.DataFrame(
        {
            "reference → answer": as_cells(
                [name.format(each.question_type, each.reference, each.prediction) for each in wrong]
            ),
            "questions": [f"{each.pairs:,}" for each in wrong],
            "share of that reference": [f"{each.share:.1%}" for each in wrong],
            "examples": as_cells(
                example_links([each.link for each in wrong], [each.examples for each in wrong])
            ),
        }
    )
