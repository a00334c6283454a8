import shutil

import pandas as pd
import pytest
import vl_convert

from vqatune.report.figures.confusion import TYPES, Cell, CellExamples, confusion_figure
from vqatune.tables import read_csv, write_csv


@pytest.fixture
def run(tmp_path):
    rows = [
        ("color", "red", "red", 6),
        ("color", "red", "blue", 2),
        ("color", "blue", "red", 1),
        ("color", "(other)", "(other)", 9),
        ("count", "two", "2", 5),
    ]
    columns = ["question_type", "reference", "prediction", "pairs"]
    write_csv(pd.DataFrame(rows, columns=columns), tmp_path / "metrics/confusion/v1.csv")
    return tmp_path


def _axis(spec: dict, channel: str) -> list[str]:
    return spec["layer"][0]["encoding"][channel]["sort"]


def test_each_question_type_has_a_heat_map_with_the_frequent_references_first(run):
    figure = confusion_figure(run, "v1", {})
    assert list(figure.views) == ["color", "count"]
    spec = figure.views["color"]
    assert _axis(spec, "y") == _axis(spec, "x") == ["red", "blue", "(other)"]
    cells = {(row["reference"], row["prediction"]): row for row in spec["data"]["values"]}
    assert (cells["red", "blue"]["pairs"], cells["red", "blue"]["share"]) == (2, 0.25)
    assert vl_convert.vegalite_to_vega(spec | {"width": 400}, vl_version="6.4")["marks"]


def test_the_text_has_the_most_frequent_confusion_and_the_table_all_counts(run):
    figure = confusion_figure(run, "v1", {})
    assert "is 2 for two in questions of type count (5 pairs, 100.0% of that reference's)" in figure.alt
    assert "color: red → blue" in set(figure.table["reference → prediction"])
    assert figure.table["pairs"].sum() == 23


def test_question_types_beyond_the_most_frequent_are_counted(run):
    path = run / "metrics/confusion/v1.csv"
    more = pd.DataFrame({"question_type": [f"type {n:02}" for n in range(TYPES)], "reference": "a"})
    more = more.assign(prediction="a", pairs=1)
    write_csv(pd.concat([read_csv(path), more]), path)
    figure = confusion_figure(run, "v1", {})
    assert list(figure.views)[:2] == ["color", "count"] and len(figure.views) == TYPES
    assert "2 more question types, with fewer pairs, are in metrics/confusion/v1.csv" in figure.note


def test_the_pairs_of_a_run_are_all_in_it(small_run, tmp_path):
    shutil.copytree(small_run.root / "metrics/confusion", tmp_path / "metrics/confusion")
    figure = confusion_figure(tmp_path, "v2", {})
    assert figure.table["pairs"].sum() == len(small_run.test)


def test_a_cell_leads_to_its_examples_where_there_are_some(run):
    figure = confusion_figure(
        run, "v1", {Cell("color", "red", "blue"): CellExamples("#examples?ref=red&said=blue", 1234)}
    )
    cells = figure.views["color"]["data"]["values"]
    links = {(row["reference"], row["prediction"]): (row["link"], row["examples"]) for row in cells}
    assert links["red", "blue"] == ("#examples?ref=red&said=blue", 1234) and links["red", "red"] == (None, 0)
    pressed = figure.views["color"]["layer"][-1]
    vega = vl_convert.vegalite_to_vega(figure.views["color"] | {"width": 400}, vl_version="6.4")
    assert pressed["mark"]["cursor"] == "pointer" and "isValid" in str(vega["data"])
    shown = figure.table.set_index("reference → prediction")["examples"]
    assert shown["color: red → blue"] == '<a href="#examples?ref=red&amp;said=blue">1,234</a>'
    assert shown["color: red → red"] == ""
