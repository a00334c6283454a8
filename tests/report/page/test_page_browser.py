"""The page in a browser: the fixture `page` fails where it logs an error or asks for anything from a network."""

import json
import re
import zlib
from itertools import combinations

import pytest
from report_page import charts, until
from small_run import HOSTILE

from vqatune.report.charts import palette

PROPER = "vqatune: what 2 versions learned"
COLOUR = "name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()"
"""A colour of the page by its name."""


def test_every_chart_is_drawn_with_marks_once_it_comes_near(opened):
    far = opened.locator("figure.chart").last
    assert far.locator("svg").count() == 0
    names = charts(opened)
    assert len(names) >= 8 and len(set(names)) == len(names)
    for name in names:
        marks = (
            f"#{name} svg .mark-rect > path, #{name} svg .mark-line > path, #{name} svg .mark-symbol > path"
        )
        assert opened.locator(marks).count() > 0, name
        label = opened.get_attribute(f"#{name} .plot", "aria-label")
        assert len(label) > 20 and opened.get_attribute(f"#{name} .plot", "role") == "img"


def test_the_loss_is_shown_raw_on_a_log_scale_or_smoothed(opened):
    charts(opened)
    shown = {}
    labels = opened.eval_on_selector_all("#loss .switch input", "inputs => inputs.map(each => each.value)")
    assert len(labels) == 3
    for label in labels:
        opened.check(f'#loss .switch input[value="{label}"]')
        # Drawn anew: there is no chart, or another one, in between.
        opened.wait_for_timeout(300)
        line = opened.locator("#loss svg .mark-line path").first.get_attribute("d")
        ticks = opened.locator("#loss svg .role-axis-label").last.text_content()
        shown[label] = (line, ticks)
    assert len(set(shown.values())) == 3


def test_any_two_versions_are_compared_with_the_numbers_of_their_predictions(settled, pairs):
    # At first base and the version that validation chooses.
    assert (settled.input_value("#first-version"), settled.input_value("#second-version")) == ("base", "v1")
    shown = set()
    for first, second in combinations(["base", "v1", "v2"], 2):
        settled.select_option("#first-version", first)
        settled.select_option("#second-version", second)
        shown |= _check_comparison(settled, pairs, first, second)
    assert {"better", "uncertain"} <= shown
    # What a screen reader says of a choice is one sentence, not all the tables.
    assert settled.get_attribute("#comparison-sentence", "role") == "status"
    assert settled.locator("#comparison [aria-live]").count() == 0
    settled.click("#swap-versions")
    assert settled.input_value("#first-version") == "v2"
    _check_comparison(settled, pairs, "v2", "v1")
    assert "vqatune compare v2 v1" in settled.inner_text("#comparison-result")
    settled.select_option("#first-version", "v1")
    assert "same version" in settled.inner_text("#comparison-sentence")
    assert settled.inner_text("#comparison-result") == ""


def _check_comparison(page, pairs, first, second) -> set[str]:
    """Compare what the page says with the pairs, and return the kinds of change of which it has slices."""
    before, after = pairs[first], pairs[second]
    said = page.inner_text("#comparison-sentence")
    assert f"from {before.mean():.3f} to {after.mean():.3f}" in said
    assert f"{(after & ~before).sum()} that were wrong are right" in said
    assert f"{(before & ~after).sum()} that were right are wrong" in said
    rows = page.locator("#comparison-result table.slices tbody tr")
    cells = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    slices = {each[0]: each[1:] for each in cells}
    assert len(slices) == len(cells)
    for value, rows in pairs.groupby("product_type"):
        _, *shown = slices[f"product type {value}"]
        gained, lost = (rows[second] & ~rows[first]).sum(), (rows[first] & ~rows[second]).sum()
        assert shown == [
            f"{rows[first].mean():.3f}",
            f"{rows[second].mean():.3f}",
            str(gained),
            str(lost),
            str(len(rows)),
        ]
    differences = {
        side: page.locator(f"[data-side={side}] tbody td:nth-child(2)").all_text_contents()
        for side in ("better", "worse", "uncertain")
    }
    for side, sign in (("better", "+"), ("worse", "−")):
        assert all(text.startswith(sign) and "uncertain" not in text for text in differences[side])
    assert all("uncertain" in text for text in differences["uncertain"])
    headings = page.locator("#comparison-result table.totals th[scope=col]").all_text_contents()
    assert headings == ["metric", "difference", first, second]
    totals = page.locator("#comparison-result table.totals tbody tr").first.inner_text()
    assert f"{before.mean():.3f}" in totals and f"{after.mean():.3f}" in totals
    # Both say of the same difference whether it is certain.
    [difference] = re.findall(r"\(([+−]?0\.\d{3} ±\s0\.\d{3})(, uncertain)?\)", said)
    assert difference[0] in totals and bool(difference[1]) == (
        "better" not in totals and "worse" not in totals
    )
    return {side for side, texts in differences.items() if texts}


def test_the_theme_is_that_of_the_system_until_the_button_is_pressed(opened):
    charts(opened)
    background = "getComputedStyle(document.body).backgroundColor"
    label = "getComputedStyle(document.querySelector('#loss .role-axis-label text')).fill"
    light = opened.evaluate(background), opened.evaluate(label)
    opened.click("#theme")
    until(opened, f"({label}) !== '{light[1]}'")
    dark = opened.evaluate(background), opened.evaluate(label)
    assert dark[0] != light[0] and opened.inner_text("#theme") == "Light colours"
    opened.click("#theme")
    until(opened, f"({label}) === '{light[1]}'")
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate(background) == light[0]
    opened.reload()
    assert opened.evaluate(background) == dark[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_it_is_on(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    colours = opened.evaluate(
        """() => Object.fromEntries(["paper", "raised", "text", "muted", "link", "right", "wrong"].map(name =>
            [name, getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim()]))"""
    )

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for paper in ("paper", "raised"):
        for name in ("text", "muted", "link", "right", "wrong"):
            low, high = sorted((luminance(colours[paper]), luminance(colours[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (name, paper)


def test_everything_is_reached_by_the_tab_key_and_is_seen_there(opened):
    reached = []
    for _ in range(400):
        opened.keyboard.press("Tab")
        here = opened.evaluate(
            """() => { const e = document.activeElement; return e === document.body ? null : [
                (e.tagName !== 'A' && (e.id || e.name)) || (e.closest('nav') ? 'link of nav' : 'other'),
                getComputedStyle(e.type === 'radio' ? e.nextElementSibling : e).outlineStyle ]; }"""
        )
        if here is None:
            break
        reached.append(here)
    names = [name for name, _ in reached]
    wanted = ["link of nav", "theme", "loss-view", "first-version", "second-version", "swap-versions"]
    wanted += ["difficulty", "kind", "type", "ref", "a", "ar", "b", "br", "said", "q", "more"]
    # In the order of the page, and each with an outline.
    places = [names.index(name) for name in wanted]
    assert places == sorted(places)
    assert {outline for _, outline in reached} == {"solid"}
    assert opened.locator("main [tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0


def test_the_page_is_never_wider_than_its_window(opened):
    opened.set_viewport_size({"width": 400, "height": 900})
    opened.reload()
    charts(opened)
    for details in opened.locator("details > summary").all():
        details.click()
    for width in (400, 1200):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_what_looks_like_html_in_the_data_is_shown_as_text(opened, pairs):
    assert opened.title() == PROPER
    opened.fill("[name=q]", "document.title = 'taken'")
    hostile = pairs[pairs["question"] == HOSTILE]
    until(opened, "document.querySelector('#shown').textContent.startsWith('1 ')")
    assert len(hostile) == 1
    row = opened.locator(".card tbody tr").first
    assert row.locator("th").text_content() == HOSTILE
    assert HOSTILE in row.locator("td").nth(1).text_content()
    assert opened.locator("main script:not([type='application/json']), img[src='x']").count() == 0
    assert opened.title() == PROPER


def test_the_page_forbids_itself_what_it_does_not_need(opened):
    opened.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 'taken'";
            document.body.append(script);
        }"""
    )
    asked = opened.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')")
    assert asked == "refused" and opened.title() == PROPER
    assert len(opened.problems) >= 2 and all("Content Security Policy" in each for each in opened.problems)
    opened.problems.clear()


def inks(pdf: bytes) -> set[str]:
    """The colours that a PDF fills with."""
    found = set()
    for part in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            commands = zlib.decompress(part)
        except zlib.error:
            continue
        for parts in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg\b", commands):
            found.add("#" + "".join(f"{round(255 * float(part)):02x}" for part in parts))
    return found


@pytest.mark.parametrize("how", ["system", "button"])
def test_a_page_that_is_printed_has_all_its_charts_in_light_colours(opened, how):
    light = {name: opened.evaluate(COLOUR, name) for name in ("text", "muted")}
    if how == "system":
        opened.emulate_media(color_scheme="dark")
    else:
        opened.click("#theme")
    dark = {opened.evaluate(COLOUR, name) for name in ("text", "muted", "paper", "grid")}
    undrawn = opened.locator("figure.chart:not(:has(svg))").count()
    printed = inks(opened.pdf())
    assert undrawn > 5 and opened.locator("figure.chart:not(:has(svg))").count() == 0
    assert printed & dark == set() and set(light.values()) <= printed
    assert set(palette.COLOURS[:2]) <= printed


def test_on_paper_a_chart_is_no_wider_than_its_place(opened):
    charts(opened)
    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": 700, "height": 900})
    overhang = opened.eval_on_selector_all(
        ".plot", "plots => plots.filter(plot => plot.scrollWidth > plot.clientWidth).map(plot => plot.id)"
    )
    assert overhang == []


@pytest.mark.parametrize("name", ["slices", "examples"])
def test_a_link_leads_to_its_section_though_charts_above_it_are_not_drawn_yet(opened, small_page, name):
    top = f"Math.abs(document.querySelector('#{name}').getBoundingClientRect().top)"
    opened.emulate_media(reduced_motion="reduce")
    opened.click(f"nav a[href='#{name}']")
    until(opened, f"{top} < 40")
    opened.wait_for_timeout(300)
    assert opened.evaluate(top) < 40 and opened.url.endswith(f"#{name}")
    # The Tab key goes on from there.
    opened.keyboard.press("Tab")
    assert opened.evaluate(f"document.activeElement.closest('section').id === '{name}'")
    opened.goto("about:blank")
    opened.goto(f"{small_page.as_uri()}#{name}")
    until(opened, f"{top} < 40")
    opened.wait_for_timeout(300)
    assert opened.evaluate(top) < 40


def test_the_data_of_the_page_is_json_that_others_can_read(opened, pairs):
    data = json.loads(opened.text_content("#example-data"))
    assert {image["id"] for image in data["images"]} == set(pairs["image_id"])
    assert data["versions"] == ["blind", "base", "v1", "v2"]


def test_tables_of_comparisons_and_examples_fit_a_telephone(settled):
    # But for a question that is one long word.
    settled.set_viewport_size({"width": 400, "height": 900})
    wider = """() => [...document.querySelectorAll(".scroll:has(> :is(.slices, .totals, .questions))")].filter(
        (box) => !box.closest("details") && !box.innerText.includes("script>") && box.scrollWidth > box.clientWidth + 1).map((box) => [box.innerText, box.scrollWidth])"""
    assert (
        settled.locator(".scroll > .totals").count() == 1
        and settled.locator(".scroll > .questions").count() > 5
    )
    assert settled.evaluate(wider) == []
