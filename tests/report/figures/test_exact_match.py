import json
import re

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


def test_the_leading_version_has_a_ring_and_its_score(small_run):
    history = score_history(small_run.root / "metrics", small_run.versions, small_run.params.eval.best_by)

    def texts(leading: str) -> list[str]:
        section = exact_match_section(small_run.root, small_run.versions, history, leading)
        svg = vl_convert.vegalite_to_svg(section.figures[0].views["All"] | {"width": 600, "autosize": "pad"})
        assert f"{leading} has" in section.figures[0].alt and f"a ring marks {leading}" in section.text
        return re.findall(r">(v\d 0\.\d{3}|base 0\.\d{3})<", svg)

    score = json.loads((small_run.root / "metrics/v1.json").read_text())["exact_match"]
    assert texts("v1") == [f"v1 {score:.3f}"] and texts("base") == []
