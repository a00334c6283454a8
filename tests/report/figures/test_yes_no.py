import numpy as np
import pandas as pd
import pytest
import vl_convert

from vqatune.report.figures.yes_no import yes_no_figure, yes_no_types_figure

TEXTS = np.array(
    [
        ["yes", "red", "yes"],
        ["yes", "no", "yes"],
        ["no", "no", "yes"],
        ["no", "no", "no"],
        ["red", "yes", "yes"],
    ],
    dtype=object,
)
REFERENCES = np.array(["yes", "yes", "yes", "no", "red"], dtype=object)


def test_the_share_of_yes_stands_beside_that_of_the_references():
    figure = yes_no_figure(["blind", "base", "v1"], TEXTS, REFERENCES, TEXTS == REFERENCES[:, None], "v1")
    assert figure.table.to_dict("records") == [
        {"version": "base", "exact match": "0.250", "share of yes": "0.000", "neither yes nor no": "0.250"},
        {"version": "v1", "exact match": "1.000", "share of yes": "0.750", "neither yes nor no": "0.000"},
    ]
    spec = figure.views["All"]
    values = [
        row for layer in spec["layer"] for row in layer.get("data", {}).get("values", ()) if "line" in row
    ]
    across = [row for row in values if row["number"] is None]
    assert [(row["line"], row["value"]) for row in across] == [("yes in the references", 0.75)]
    assert "Of 4 questions" in figure.alt and "yes is right for 0.750" in figure.alt
    vega = vl_convert.vegalite_to_vega(spec | {"width": 400}, vl_version="6.4")
    assert vega["marks"] and vega["legends"]


def test_without_yes_no_questions_there_is_no_figure():
    assert yes_no_figure(["base"], TEXTS[4:, :1], REFERENCES[4:], TEXTS[4:, :1] == "red", "base") is None


@pytest.mark.parametrize(
    ("leading", "said", "marked"),
    [("base", "base answers yes to 0.000", [0]), ("v1", "v1 answers yes to 0.750", [0, 1])],
)
def test_the_text_speaks_of_the_leading_version_which_the_chart_marks(leading, said, marked):
    right = TEXTS == REFERENCES[:, None]
    figure = yes_no_figure(["blind", "base", "v1"], TEXTS, REFERENCES, right, leading)
    assert said in figure.alt and ("a solid one v1" in figure.note) == (leading == "v1")
    layers = figure.views["All"]["layer"]
    rules = [layer for layer in layers if layer.get("mark", {}).get("type") == "rule"]
    assert [rule["data"]["values"] for rule in rules] == [[{"number": number}] for number in marked]


def _cells(types: list[str], references: list[str], predictions: list[str]) -> pd.DataFrame:
    cells = pd.DataFrame({"question_type": types, "reference": references, "prediction": predictions})
    return cells.assign(right=cells["reference"] == cells["prediction"])


def test_question_types_differ_in_how_often_yes_is_said_and_right():
    types = ["color"] * 30 + ["count"] * 20 + ["shape"] * 3
    references = [*["yes", "no"] * 26, "red"]
    # Of count, yes is never said; of shape, which is small, nothing is right.
    predictions = [*references[:30], *["no"] * 20, *["blue"] * 3]
    figure = yes_no_types_figure(_cells(types, references, predictions), "v1")
    columns = [
        "question type",
        "questions",
        "exact match",
        "share of yes",
        "neither",
        "yes is right",
    ]
    assert figure.table.columns.tolist() == columns
    assert figure.table.to_numpy().tolist() == [
        ["shape", "2", "0.000", "0.000", "1.000", "0.500"],
        ["count", "20", "0.500", "0.000", "0.000", "0.500"],
        ["color", "30", "1.000", "0.500", "0.000", "0.500"],
    ]
    assert (
        "v1 is right least often on count (0.500 of 20) and most often on color (1.000 of 30)" in figure.alt
    )
    assert "furthest from that of the references on count: 0.000, where yes is right for 0.500" in figure.alt


def test_where_types_are_alike_none_is_named_as_the_best_or_as_leaning():
    types, references = ["color"] * 30 + ["count"] * 20, ["yes", "no"] * 25
    for predictions, share in ((references, "1.000"), (["red"] * 50, "0.000")):
        figure = yes_no_types_figure(_cells(types, references, predictions), "v1")
        assert figure.alt.endswith(f"v1 is right equally often on all: {share}.")
    most = yes_no_types_figure(
        _cells([*types, *["size"] * 22], [*references, *["yes"] * 22], [*references, *["no"] * 22]), "v1"
    )
    assert "least often on size (0.000 of 22) and most often on color (1.000 of 30)" in most.alt


def test_one_question_type_needs_no_table_and_small_ones_no_sentence():
    assert yes_no_types_figure(_cells(["color"] * 2, ["yes", "no"], ["yes", "yes"]), "v1") is None
    small = yes_no_types_figure(_cells(["color", "count"], ["yes", "no"], ["yes", "yes"]), "v1")
    assert small.alt == "Fewer than two question types have 20 yes/no questions." and len(small.table) == 2
