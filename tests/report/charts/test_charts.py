import html
import math
import re
from itertools import combinations, product

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from vqatune.report.charts import palette
from vqatune.report.charts.common import page_spec, percent, rows, with_ends
from vqatune.report.charts.counts import bars, heat_map, shades
from vqatune.report.page.document import FOLDER

WHITE, NEAR_BLACK = "#ffffff", "#15181b"
# Machado, Oliveira and Fernandes 2009, severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((linear(each) @ [0.2126, 0.7152, 0.0722] for each in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(colour: str, opacity: float, paper: str) -> str:
    """A colour through which another one shines."""
    mixed = [
        opacity * int(colour[place : place + 2], 16) + (1 - opacity) * int(paper[place : place + 2], 16)
        for place in (1, 3, 5)
    ]
    return "#{:02x}{:02x}{:02x}".format(*map(round, mixed))


def lab(colour: str, blindness: str) -> np.ndarray:
    seen = np.clip(np.array(BLINDNESS[blindness]) @ linear(colour), 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ) / np.array([[0.9505], [1.0], [1.089]])
    x, y, z = np.cbrt(np.clip(to_xyz @ seen, 0.008856, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("colour", palette.COLOURS)
def test_every_colour_can_be_seen_on_white_and_on_near_black(colour):
    assert contrast(colour, WHITE) >= 3 and contrast(colour, NEAR_BLACK) >= 3


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_colours_that_stand_side_by_side_differ_for_everyone(blindness):
    # Up to three series are told apart by little else; more also differ in their points.
    for one, other in combinations(palette.COLOURS[:3], 2):
        assert np.linalg.norm(lab(one, blindness) - lab(other, blindness)) > 15, (one, other)


def test_series_that_share_a_colour_differ_in_dash_and_point():
    looks = list(zip(palette.colours(21), map(tuple, palette.dashes(21)), palette.shapes(21), strict=True))
    assert len(set(looks)) == 21
    assert len({(colour, dash) for colour, dash, _ in looks}) == 21
    assert len({(colour, shape) for colour, _, shape in looks}) == 21


def test_the_numbers_in_a_heat_map_can_be_read_on_their_cells():
    assert all(contrast(colour, palette.DARK_TEXT) > 4.5 for colour in palette.DIVERGING)
    style = (FOLDER / "report.css").read_text()
    themes = set(re.findall(r"--paper: (#\w+);.*?--text: (#\w+);", style))
    assert len(themes) == 2
    for (paper, text), colour in product(themes, (palette.BLUE, palette.VERMILLION)):
        for opacity in np.linspace(*palette.SHADES, 50):
            assert contrast(over(colour, opacity, paper), text) > 4.5, (paper, colour, opacity)


def test_the_larger_a_share_the_farther_its_cell_is_from_the_page():
    data = [{"name": "a", "of": str(share), "share": share, "text": "1"} for share in (0, 0.2, 0.5, 1)]
    chart = heat_map(
        data, "name", "of", shades("share", 0, 1), "text", {"of": ""}, title="x", counts={"a": "4"}
    )
    drawn = vl_convert.vegalite_to_svg(page_spec(chart, 100) | {"width": 700})
    opacities = [
        float(each) for each in re.findall(rf'fill="{palette.BLUE}"[^>]*? opacity="([\d.]+)"', drawn)
    ]
    assert opacities == pytest.approx([0.08, 0.204, 0.39, 0.7], abs=1e-3)


def test_a_name_from_right_to_left_does_not_take_its_count_into_itself():
    names = {"حقيبة": "1,234", "<b>": "5", 'quo"te': "6"}
    data = [{"name": name, "batch": "1", "share": 0.5, "text": "50"} for name in names]
    cells = shades("share", 0, 1)
    chart = heat_map(data, "name", "batch", cells, "text", {"name": ""}, title="x", counts=names)
    drawn = vl_convert.vegalite_to_svg(page_spec(chart, 100) | {"width": 700})
    for name, number in names.items():
        assert f"\u2068{html.escape(name, quote=False)}\u2069 · {number}<" in drawn


def test_a_line_separator_in_a_name_does_not_keep_a_chart_from_being_drawn():
    table = pd.DataFrame({"name": ["a\u2028b\u2029c", "d"], "count": [2, 1], "label": ["2", "1"]})
    chart = bars(rows(table), "name", "count", "label", {"name": ""})
    assert "a b c" in vl_convert.vegalite_to_svg(page_spec(chart, 100) | {"width": 700})


def test_rows_have_six_digits_and_nothing_for_what_is_missing():
    table = pd.DataFrame(
        {"a": [0.123456789, math.nan], "b": pd.array([12345678, None], dtype="Int64"), "c": ["x", None]}
    )
    assert rows(table) == [{"a": 0.123457, "b": 12345678, "c": "x"}, {"a": None, "b": None, "c": None}]


def test_a_share_that_is_not_none_does_not_look_like_it():
    assert [percent(share) for share in (0, 0.00001, 0.001, 0.5)] == ["0.0%", "<0.1%", "0.1%", "50.0%"]
    assert percent(0.00012, 2) == "0.01%"


@pytest.mark.parametrize(
    ("places", "ends"),
    [([0, 1, 2], [-0.5, 0.5, 1.5, 2.5]), ([1, 3, 9], [0, 2, 6, 12]), ([4], [3.5, 4.5])],
)
def test_columns_under_the_pointer_touch_halfway(places, ends):
    table = with_ends(pd.DataFrame({"x": places}), "x")
    assert list(table["left"]) == ends[:-1] and list(table["right"]) == ends[1:]


def test_a_setting_of_altair_does_not_show_in_a_chart():
    def spec() -> dict:
        chart = alt.Chart(pd.DataFrame({"x": range(6000)})).mark_point().encode(x="x:Q")
        return page_spec(chart, 100)

    before = spec()
    assert "config" not in before and before["width"] == "container" and len(before["data"]["values"]) == 6000
    with alt.data_transformers.enable("default", max_rows=10), alt.theme.enable("dark"):
        assert spec() == before
