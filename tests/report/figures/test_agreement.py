import numpy as np
import pytest
import vl_convert

from vqatune.report.figures.agreement import agreement_figure

VERSIONS = ["blind", "base", "v1", "v2"]
TEXTS = np.array(
    [
        ["red", "blue", "red", "red"],
        ["red", "blue", "red", "blue"],
        ["yes", "no", "no", "yes"],
        ["yes", "no", "yes", "no"],
    ],
    dtype=object,
)
REFERENCES = np.array(["red", "red", "yes", "no"], dtype=object)


@pytest.fixture
def figure():
    return agreement_figure(VERSIONS, TEXTS, TEXTS == REFERENCES[:, None])


def test_a_cell_is_the_share_of_questions_with_the_same_answer(figure):
    spec = figure.views["Same answer"]
    cells = {(row["version"], row["other"]): row["same_answer"] for row in spec["data"]["values"]}
    assert len(cells) == 16 and {cells[name, name] for name in VERSIONS} == {1}
    assert cells["base", "v1"] == cells["v1", "base"] == 0.25 and cells["blind", "v2"] == 0.5
    assert vl_convert.vegalite_to_vega(spec | {"width": 400}, vl_version="6.4")["marks"]


def test_what_came_right_and_went_wrong_is_counted_against_the_version_before(figure):
    assert figure.table.to_dict("records") == [
        {"version": "v1", "same answer as the one before": "25.0%", "came right": 2, "went wrong": 1},
        {"version": "v2", "same answer as the one before": "25.0%", "came right": 2, "went wrong": 1},
    ]
    bars = figure.views["Came right, went wrong"]["data"]["values"]
    assert [(row["version"], row["what"], row["pairs"]) for row in bars] == [
        ("v1", "came right", 2),
        ("v1", "went wrong", 1),
        ("v2", "came right", 2),
        ("v2", "went wrong", 1),
    ]
    assert "4 answers came right and 2 went wrong" in figure.alt
    assert "right on 25.0% of the questions, and none on 0.0%" in figure.alt


def test_without_a_tuned_version_there_is_nothing_to_compare():
    assert agreement_figure(["blind", "base"], TEXTS[:, :2], TEXTS[:, :2] == "red") is None
