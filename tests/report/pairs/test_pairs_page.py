"""The page of pairs, in a browser."""

import json

import pandas as pd
import pytest
from sampled_pictures import sampled_pictures
from small_run import HOSTILE

from vqatune.report.pairs.page import PairsPage, write_pairs_page
from vqatune.tables import CHECKED

PAIRS = [
    ("image00", "What color is the seat?", "red", "color", None),
    ("image00", "How many legs are there?", "four", "count", None),
    ("image00", "How heavy is it?", "5kg", "other", "not_visible"),
    ("image01", "Which motif is crème?", "flower", "pattern", None),
    ("image01", "What is printed?", "two words", "text", "too_many_words"),
    ("image02", HOSTILE, "yes", "object", None),
]


@pytest.fixture(scope="module")
def content(places) -> PairsPage:
    images = sampled_pictures(places, 4)
    images.loc[images["image_id"] == "image02", "metadata"] = json.dumps(
        {HOSTILE: [HOSTILE], "long": ["x" * 999]}
    )
    # The fourth is no picture.
    images.loc[images["image_id"] == "image03", "length"] = 7
    pairs = pd.DataFrame(PAIRS, columns=["image_id", "question", "answer", "question_type", "check"])
    pairs = pairs.merge(images[["image_id", "item_id", "product_type", "language"]], on="image_id")
    pairs = pairs.assign(qa_id=[f"{n:016x}" for n in range(len(pairs))], difficulty=[0, 2, None, 1, 1, 0])
    pairs = pairs.assign(attribute=pairs["question_type"], task="general", generator="m")[CHECKED.names]
    return PairsPage("Pairs", images, pairs, [("12", "tokens")], ["Said."], {"image03": "safety"})


@pytest.fixture(scope="module")
def path(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.html"
    write_pairs_page(content, path)
    return path


def _shown(page) -> tuple[int, int]:
    """The pairs and pictures in sight; the page says as many."""
    rows, cards = (
        page.locator("tbody tr:visible", has=page.locator("td.answer")).count(),
        page.locator(".card:visible").count(),
    )
    said = f"{rows} pair{'s' * (rows != 1)} about {cards} picture{'s' * (cards != 1)}"
    assert page.inner_text("#shown") == said
    return rows, cards


def test_pictures_stand_beside_metadata_pairs_and_the_reasons_of_what_is_dropped(page, path):
    page.goto(path.as_uri())
    assert _shown(page) == (6, 4)
    first = page.locator(".card").first
    assert first.locator("dl").inner_text().split("\n") == ["item name", "Thing 0"]
    rows = first.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert rows == [
        ["What color is the seat?", "red", "0", "color", "✓ kept"],
        ["How many legs are there?", "four", "2", "count", "✓ kept"],
        ["How heavy is it?", "5kg", "", "other", "✗ not visible"],
    ]
    assert page.locator(".card img").count() == 3
    assert "does not open" in page.locator(".card").last.inner_text()
    assert "No pairs: safety" in page.locator(".card").last.inner_text()
    counts = page.locator(".counts div").evaluate_all(
        "all => all.map(each => [...each.children].map(part => part.textContent))"
    )
    assert counts == [["pictures", "4"], ["pairs", "6"], ["kept", "4"], ["dropped", "2"], ["tokens", "12"]]
    dropped = page.locator("#summary tbody tr").evaluate_all("rows => rows.map(row => row.innerText)")
    assert dropped == ["too many words\t1\t16.7%", "not visible\t1\t16.7%"]
    assert page.title() == "vqatune: Pairs" and page.locator(
        ".card dd", has_text="xxx"
    ).inner_text().endswith("…")


def test_filters_show_some_of_the_pairs(page, path):
    page.goto(path.as_uri())
    for name, value, shown in (
        ("check", "kept", (4, 3)),
        ("check", "dropped", (2, 2)),
        ("check", "not_visible", (1, 1)),
        ("type", "CHAIR", (4, 2)),
        ("kind", "text", (1, 1)),
    ):
        page.select_option(f"[name={name}]", value)
        assert _shown(page) == shown, value
        page.select_option(f"[name={name}]", "")
    page.fill("[name=q]", "CREME motif")
    assert _shown(page) == (1, 1)
    page.click("button[type=reset]")
    page.wait_for_timeout(20)
    assert _shown(page) == (6, 4)


def test_it_fits_a_telephone_and_the_theme_changes(page, path):
    page.set_viewport_size({"width": 400, "height": 900})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.click("#theme")
    assert page.inner_text("#theme") == "Light colours"


def test_the_same_content_gives_the_same_bytes_without_a_charting_script(content, path, tmp_path):
    write_pairs_page(content, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()
    assert path.stat().st_size < 200_000 and "<script>document" not in path.read_text()
