import numpy as np
import vl_convert

from vqatune.report.figures.yes_no import yes_no_figure

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
    figure = yes_no_figure(["blind", "base", "v1"], TEXTS, REFERENCES, TEXTS == REFERENCES[:, None])
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
    assert yes_no_figure(["base"], TEXTS[4:, :1], REFERENCES[4:], TEXTS[4:, :1] == "red") is None
