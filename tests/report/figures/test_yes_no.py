import numpy as np
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


def test_the_text_speaks_of_the_leading_version_which_the_chart_marks():
    right = TEXTS == REFERENCES[:, None]
    figure = yes_no_figure(["blind", "base", "v1"], TEXTS, REFERENCES, right, "base")
    assert "base answers yes to 0.000" in figure.alt and "exact match on them is 0.250" in figure.alt
    marked = [
        layer
        for layer in figure.views["All"]["layer"]
        if layer.get("mark", {}) == {"opacity": 0.45, "type": "rule"}
    ]
    assert [layer["data"]["values"] for layer in marked] == [[{"number": 0}]]


def test_question_types_differ_in_how_often_yes_is_said_and_right():
    types = np.repeat(["color", "count", "shape"], [30, 20, 3]).astype(object)
    references = np.array(["yes", "no"] * 26 + ["red"], dtype=object)
    texts = references.copy()
    # Of count, no is never said; of shape, which is small, nothing is right.
    texts[30:50], texts[50:] = "yes", "blue"
    figure = yes_no_types_figure("v1", texts, references, types)
    assert figure.table.to_numpy().tolist() == [
        ["shape", "2", "0.000", "0.000", "0.500"],
        ["count", "20", "0.500", "1.000", "0.500"],
        ["color", "30", "1.000", "0.500", "0.500"],
    ]
    assert (
        "v1 is right least often on count (0.500 of 20) and most often on color (1.000 of 30)" in figure.alt
    )
    assert "furthest from that of the references on count: 1.000, where yes is right for 0.500" in figure.alt
    assert yes_no_types_figure("v1", texts[:30], references[:30], types[:30]) is None
