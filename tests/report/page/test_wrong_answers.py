import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest

from vqatune.report.figures.confusion import Cell, CellExamples
from vqatune.report.page.answers import read_answers
from vqatune.report.page.example_links import cell_examples
from vqatune.report.page.examples import example_data
from vqatune.report.page.wrong_answers import (
    MISSED_SHOWN,
    MOST,
    frequent_wrong,
    missed_references,
    pair_cells,
    wrong_answers,
)
from vqatune.tables import read_csv


@pytest.fixture(scope="module")
def answers(small_run):
    return read_answers(small_run.root, small_run.versions)


def test_a_pair_is_in_the_cell_in_which_the_confusion_table_counts_it(small_run, answers):
    cells = pair_cells(answers, "v2")
    counts = cells.value_counts(list(Cell._fields))
    table = read_csv(small_run.root / "metrics/confusion/v2.csv")
    named = table[(table[["reference", "prediction"]] != "(other)").all(axis=1)]
    assert len(named) > 20
    for row in named.itertuples(index=False):
        assert counts[row.question_type, row.reference, row.prediction] == row.pairs


def test_the_most_frequent_wrong_answers_come_first_and_have_their_share(answers):
    cells = pair_cells(answers, "v1")
    found = wrong_answers(cells, {})
    assert len(found) == MOST and all(each.reference != each.prediction for each in found)
    # Of equally frequent ones those that are a larger share of their reference.
    order = [
        (-each.pairs, -each.share, each.question_type, each.reference, each.prediction) for each in found
    ]
    assert order == sorted(order)
    first = found[0]
    of_reference = cells[
        (cells["question_type"] == first.question_type) & (cells["reference"] == first.reference)
    ]
    assert first.pairs == (of_reference["prediction"] == first.prediction).sum()
    assert first.share == pytest.approx(first.pairs / len(of_reference))
    assert first.link is None and first.examples == 0
    assert frequent_wrong(cells, 10**6).sum() == (~cells["right"]).sum()


def test_a_wrong_answer_leads_to_its_examples(small_run, answers):
    cells = pair_cells(answers, "v1")
    found = cell_examples(example_data(small_run.root, answers, 13, "v1"), "v1")
    # The small run shows all its pictures.
    assert {cell: shown.examples for cell, shown in found.items()} == {
        Cell(*cell): count for cell, count in cells.value_counts(list(Cell._fields)).items()
    }
    first = wrong_answers(cells, found)[0]
    assert first.examples == first.pairs
    assert re.fullmatch(r"#examples\?kind=[^&]+&ref=[^&]+&b=v1&said=[^&]+", first.link)


def test_pairs_without_a_type_have_a_link_only_where_no_pair_has_one():
    untyped = [0, 1, None, None, [2], [None], "0"]
    examples = {
        "versions": ["v1"],
        "texts": ["Is it?", "Red ", "", "color"],
        "images": [{"questions": [untyped]}],
    }
    cell = Cell("(none)", "red", "(empty)")
    assert cell_examples(examples, "v1") == {cell: CellExamples("#examples?ref=red&b=v1&said=%28empty%29", 1)}
    examples["images"].append({"questions": [[0, 1, None, 3, [1], [None], "1"]]})
    assert list(cell_examples(examples, "v1")) == [Cell("color", "red", "red")]


def test_a_version_that_is_always_right_has_no_wrong_answer(answers):
    right = replace(
        answers, texts=answers.pairs[["answer"] * 4].to_numpy(dtype=object), right=answers.right | True
    )
    assert wrong_answers(pair_cells(right, "v1"), {}) == []


def _said(question_type: str, reference: str, predictions: Sequence[str]) -> list[dict]:
    return [
        {
            "question_type": question_type,
            "reference": reference,
            "prediction": said,
            "right": said == reference,
        }
        for said in predictions
    ]


def test_the_references_found_least_come_first_with_what_is_said_instead():
    cells = pd.DataFrame(
        _said("object", "rug", ["cup", "cup", "bag", "bag", "lamp", "rug"])
        + _said("object", "box", ["bag"] * 5)
        + _said("color", "red", ["blue"] * 7)
        # Of too few questions, and found by half of them.
        + _said("object", "pen", ["cup"] * 4)
        + _said("object", "cup", ["cup"] * 3 + ["bag"] * 3)
    )
    examples = {Cell("object", "rug", said): CellExamples("#", 2) for said in ("cup", "rug")}
    missed = missed_references(cells, examples, "v1")
    assert [(each.reference, each.pairs, each.share, each.instead) for each in missed] == [
        ("red", 7, 0.0, "blue"),
        ("box", 5, 0.0, "bag"),
        ("rug", 6, pytest.approx(1 / 6), "bag"),
    ]
    assert [(each.link, each.examples) for each in missed] == [
        (None, 0),
        (None, 0),
        ("#examples?kind=object&ref=rug&b=v1&br=wrong", 2),
    ]


def test_the_link_of_a_reference_finds_all_its_questions_that_are_answered_wrong(small_run, answers):
    cells = pair_cells(answers, "v1")
    found = cell_examples(example_data(small_run.root, answers, 13, "v1"), "v1")
    missed = missed_references(cells, found, "v1")
    assert 0 < len(missed) <= MISSED_SHOWN
    for each in missed:
        own = cells[(cells["question_type"] == each.question_type) & (cells["reference"] == each.reference)]
        # The small run shows all its pictures.
        assert each.examples == (~own["right"]).sum() and each.pairs == len(own)
        assert each.share == own["right"].mean() < 0.5
