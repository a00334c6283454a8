import json
import re

import vl_convert

from vqatune.report.figures.exact_match import exact_match_section


def test_the_first_chart_has_base_and_the_blind_guess_as_lines_whose_texts_keep_apart(small_run):
    section = exact_match_section(small_run.root, small_run.versions)
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
    assert figure.table["version"].tolist() == small_run.versions
