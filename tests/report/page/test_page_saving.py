"""What the page saves: tables as CSV, charts as SVG and PNG."""

import csv
import re
from io import BytesIO
from pathlib import Path

from PIL import Image


def saved(page, button) -> tuple[str, bytes]:
    """Press a button, and return the name of the file that it saves and its content."""
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_table_is_saved_as_csv_with_all_its_rows(settled, small_run):
    settled.click("#exact_match summary")
    name, content = saved(settled, settled.locator("#exact_match details .save button"))
    rows = list(csv.reader(content.decode().splitlines()))
    assert name == "exact_match.csv" and rows[0][:2] == ["version", "exact match"]
    assert [row[0] for row in rows[1:]] == small_run.versions
    name, content = saved(
        settled, settled.locator("#comparison-result [data-side=better] .save button").first
    )
    rows = list(csv.reader(content.decode().splitlines()))
    shown = settled.locator("#comparison-result [data-side=better] .scroll").first.locator("tr")
    assert name == "better-base-v1.csv" and len(rows) == shown.count() and {len(row) for row in rows} == {7}
    # Numbers that programs read, and no character that only a page needs.
    settled.click("#swap-versions")
    _, content = saved(settled, settled.locator("#comparison-result [data-side=worse] .save button").first)
    assert re.search(r"\n[^,]+,-0\.\d{3} ± 0\.\d{3}", content.decode()) and "\u00a0" not in content.decode()


def test_thousands_are_saved_without_commas(settled):
    settled.click("#exact_match summary")
    row = settled.locator("#exact_match tbody tr").first
    shown = ["1,105,660", "−1,000.5", "7,5"]
    row.evaluate(
        "(row, texts) => texts.forEach((text, place) => (row.cells[place].textContent = text))", shown
    )
    _, content = saved(settled, settled.locator("#exact_match details .save button"))
    assert next(csv.reader(content.decode().splitlines()[1:]))[:3] == ["1105660", "-1000.5", "7,5"]


def test_a_chart_is_saved_as_it_is_shown_in_colours_for_paper(settled):
    settled.emulate_media(color_scheme="dark")
    settled.check('#loss .switch input[value="Smoothed"]')
    name, svg = saved(settled, settled.locator("#loss .save button", has_text="SVG"))
    text = svg.decode()
    assert name == "loss-Smoothed.svg" and "smoothed loss" in text and "Loss within each version" in text
    assert "var(" not in text and 'fill="#ffffff"' in text
    name, png = saved(settled, settled.locator("#loss .save button", has_text="PNG"))
    picture = Image.open(BytesIO(png)).convert("RGB")
    assert name == "loss-Smoothed.png" and picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.width >= 2 * 0.9 * settled.locator("#loss .plot").bounding_box()["width"]
    assert settled.evaluate("document.documentElement.dataset.theme") is None


def test_a_chart_of_a_telephone_is_saved_wide_enough_for_its_title(settled):
    settled.set_viewport_size({"width": 400, "height": 900})
    name, svg = saved(settled, settled.locator("#exact_match .save button", has_text="SVG"))
    assert (
        name == "exact_match.svg" and float(re.search(r'<svg[^>]* width="([\d.]+)"', svg.decode())[1]) >= 700
    )
