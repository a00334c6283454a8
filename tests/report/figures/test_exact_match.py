import json
import re

import pandas as pd
import pytest
import vl_convert

from vqatune.report.figures.exact_match import exact_match_section
from vqatune.report.history import score_history


def test_the_first_chart_has_base_and_the_blind_guess_as_lines_whose_texts_keep_apart(small_run):
    history = score_history(small_run.root / "metrics", small_run.versions, small_run.params.eval.best_by)
    section = exact_match_section(small_run.root, small_run.versions, history, small_run.versions[-1])
    [figure] = section.figures
    spec = json.dumps(figure.views["All"])
    scores = {
        name: json.loads((small_run.root / f"metrics/{name}.json").read_text())["exact_match"]
        for name in small_run.versions
    }
    texts = [
        f"{name} {scores[version]:.3f}"
        for name, version in (("base model", "base"), ("blind guess", "blind"))
    ]
    assert all(text in spec for text in texts) and scores["blind"] > scores["base"]
    svg = vl_convert.vegalite_to_svg(figure.views["All"] | {"width": 600, "autosize": "pad"})
    base, blind = (float(re.search(rf"translate\([\d.]+,([\d.]+)\)[^>]*>{text}<", svg)[1]) for text in texts)
    # In pixels from the top.
    assert base - blind >= 18
    assert list(figure.table.columns) == ["version", "exact match", "validation: exact match", "skill"]
    assert figure.table["version"].tolist() == small_run.versions
    of_v1 = figure.table.set_index("version").loc["v1"]
    validation = json.loads((small_run.root / "metrics/validation/v1.json").read_text())
    assert of_v1["validation: exact match"] == f"{validation['exact_match']:.3f}"
    assert of_v1["exact match"].startswith(f"{scores['v1']:.3f} (")
    # From 0 on, so that a difference does not look larger than it is.
    ticks = re.findall(r">(\d\.\d+)<", svg)
    assert "0.0" in ticks


@pytest.mark.parametrize(("leading", "align"), [("v1", "center"), ("v2", "right"), ("base", None)])
def test_the_leading_version_has_a_ring_at_its_score_which_stands_above_the_chart(small_run, leading, align):
    history = score_history(small_run.root / "metrics", small_run.versions, small_run.params.eval.best_by)
    section = exact_match_section(small_run.root, small_run.versions, history, leading)
    [figure] = section.figures
    score = json.loads((small_run.root / f"metrics/{leading}.json").read_text())["exact_match"]
    assert f"{leading} has {score:.3f}" in figure.alt
    marks = [layer for part in figure.views["All"]["layer"] for layer in part.get("layer", ())]
    rings = [layer for layer in marks if layer["mark"].get("shape") == "circle"]
    svg = vl_convert.vegalite_to_svg(figure.views["All"] | {"width": 600, "autosize": "pad"})
    # Base has a line with its score already.
    assert len(rings) == (align is not None) == (f">{leading} {score:.3f}<" in svg)
    assert ("A ring marks" in section.text) == bool(rings)
    if rings:
        [text] = [layer["mark"] for layer in marks if layer["mark"]["type"] == "text"]
        assert text["align"] == align and rings[0]["encoding"]["y"]["field"] == "value"
        [place] = re.findall(rf"translate\([\d.]+,(-?[\d.]+)\)[^>]*>{leading} {score:.3f}<", svg)
        assert float(place) < 0


def test_the_validation_set_has_a_dotted_line_where_versions_are_chosen_by_exact_match(small_run):
    history = score_history(small_run.root / "metrics", small_run.versions, "exact_match")

    def drawn(history: pd.DataFrame) -> tuple[list[dict], str]:
        section = exact_match_section(small_run.root, small_run.versions, history, "v1")
        first = section.figures[0].views["All"]["layer"][0]
        assert first["mark"]["strokeDash"] and first["mark"]["type"] == "line"
        return first["data"]["values"], section.text

    values, text = drawn(history)
    scores = [
        json.loads((small_run.root / f"metrics/validation/{name}.json").read_text())["exact_match"]
        for name in small_run.versions[1:]
    ]
    assert [row["number"] for row in values] == [0, 1, 2] and "dotted line" in text
    assert [row["value"] for row in values] == pytest.approx(scores, rel=1e-5)
    values, text = drawn(history.rename(columns={"validation_exact_match": "validation_fuzzy"}))
    assert values == [] and "dotted" not in text
