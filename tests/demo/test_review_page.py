"""The page of `vqatune review` in a real browser, with keys, and two people."""

import importlib.util
import os
import signal
import subprocess

import pandas as pd
import pytest
from reviewed_pairs import write_pairs
from warm import VQATUNE, Warm

from vqatune.generation.checks.reviews import read_reviews
from vqatune.inspection.drawn_pairs import pairs_to_review

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
COMMAND = [*VQATUNE, "review", "--port", "0", "--pairs", "8", "--reviewer", "anna"]


@pytest.fixture(scope="module")
def root(tmp_path_factory, places, parameter_values):
    root = tmp_path_factory.mktemp("review")
    write_pairs(root, places, parameter_values)
    return root


@pytest.fixture(scope="module")
def drawn(root) -> pd.DataFrame:
    return pairs_to_review(8, 13, root / "data")


@pytest.fixture(scope="module")
def address(root, warm_server):
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed: pip install -e '.[demo]'")
    process = Warm(
        warm_server,
        COMMAND,
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        line = process.stdout.readline()
        assert "shows 8 pairs to review" in line
        yield line.split()[0]
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert ("set generate.reviews: reviews.csv" in said) == (root / "reviews.csv").exists()


def _shown(page, rows, place: int) -> None:
    pair = rows[place]
    expect(page.locator("#asked p").first).to_have_attribute("data-place", str(place))
    expect(page.locator("#asked p").first).to_have_text(pair["question"])
    expect(page.locator("#asked .answer")).to_have_text(pair["answer"])
    expect(page.locator("#picture img")).to_be_visible()


def test_two_people_go_through_the_pairs_by_keys_and_buttons(page, address, root, drawn):
    rows = drawn.to_dict("records")
    page.goto(address)
    _shown(page, rows, 0)
    expect(page.locator("#done")).to_have_text("0 of 8 reviewed by anna")
    for place, key in enumerate("rwu"):
        page.keyboard.press(key)
        _shown(page, rows, place + 1)
    page.keyboard.press("b")
    _shown(page, rows, 2)
    expect(page.locator("#asked .before")).to_have_text("You said: unclear")
    page.locator("#wrong").click()
    _shown(page, rows, 3)
    expect(page.locator("#done")).to_have_text("3 of 8 reviewed by anna")
    # Mended: a letter in a text is no verdict.
    page.keyboard.press("m")
    answer = page.locator("#new-answer textarea, #new-answer input")
    expect(answer).to_have_value(rows[3]["answer"])
    answer.fill("w r u")
    page.keyboard.press("Escape")
    expect(answer).to_be_hidden()
    page.keyboard.press("m")
    answer.fill("orange")
    answer.press("Enter")
    _shown(page, rows, 4)
    said = read_reviews(root / "reviews.csv")
    assert sorted(said["verdict"]) == ["mend", "right", "wrong", "wrong"]
    assert said.set_index("qa_id").loc[rows[3]["qa_id"], "new_answer"] == "orange"
    # Another person, from the first pair on.
    name = page.locator("#reviewer input, #reviewer textarea")
    name.fill("Ben <b>")
    name.press("Enter")
    _shown(page, rows, 0)
    expect(page.locator("#done")).to_have_text("0 of 8 reviewed by Ben <b>")
    name.blur()
    page.keyboard.press("r")
    # Too fast to be about the next pair, which is not there yet.
    page.keyboard.press("r")
    for place in range(1, 8):
        _shown(page, rows, place)
        page.keyboard.press("r")
    expect(page.locator("#asked")).to_contain_text("All pairs are reviewed")
    said = read_reviews(root / "reviews.csv")
    assert said["reviewer"].value_counts().to_dict() == {"Ben <b>": 8, "anna": 4}


def test_without_a_name_nothing_is_written(page, address, root):
    page.goto(address)
    # What the page begins with would come after what is written before it is there.
    expect(page.locator("#done")).to_contain_text("reviewed by anna")
    reviews = root / "reviews.csv"
    before = reviews.read_bytes() if reviews.exists() else None
    name = page.locator("#reviewer input, #reviewer textarea")
    name.fill("")
    name.blur()
    expect(page.locator("#done")).to_contain_text("reviewed by …")
    page.locator("#right").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("write your name first")
    assert (reviews.read_bytes() if reviews.exists() else None) == before


def test_it_fits_a_telephone(page, address):
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(address)
    expect(page.locator("#right")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
