"""The page of `vqatune demo` in a real browser."""

import re
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import Image

from vqatune.demo.overlay import LONGEST
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.settings import own_settings

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

QUESTION = "how many stars are there?"


@pytest.fixture
def demo(page, server):
    said = server.said.read_text()
    page.goto(server.address)
    expect(page.locator("#examples button").first).to_be_visible()
    yield page
    # What the page shows needs no traceback, or any other word, in the terminal.
    assert server.said.read_text() == said


def _upload(page, content: bytes, name: str = "picture.jpg", kind: str = "image/jpeg") -> None:
    page.locator("#picture input[type=file]").set_input_files(
        {"name": name, "mimeType": kind, "buffer": content}
    )


def _write(page, question: str) -> None:
    page.get_by_label("Question", exact=True).fill(question)


def _choose(page, label: str, version: str) -> None:
    page.get_by_label(label).click()
    page.get_by_role("option", name=version, exact=True).click()


def _message(page):
    return page.get_by_test_id("toast-body").last


def _expected(demo_root: Path, version: str, picture: bytes, question: str = QUESTION):
    settings = own_settings()
    return Answerer(demo_root / "models" / version, compute=settings.compute).ask(picture, question)[0]


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %" if probability >= 0.0005 else "< 0.1 %"


def _check_answer(page, place: str, version: str, expected) -> None:
    shown = page.locator(place)
    expect(shown.get_by_role("heading")).to_have_text(version)
    said = f"{expected.answer or 'nothing'} {_percent(expected.probability)}"
    expect(shown.locator(".said")).to_have_text(said)


def test_two_versions_answer_what_is_asked_about_an_upload(demo, demo_root, picture):
    _upload(demo, picture)
    expect(demo.locator("#picture img")).to_be_visible()
    _write(demo, QUESTION)
    demo.get_by_role("button", name="Ask").click()
    # Without a choice, the last version and the base.
    _check_answer(demo, "#answer-a", "v2", _expected(demo_root, "v2", picture))
    _check_answer(demo, "#answer-b", "base", _expected(demo_root, "base", picture))
    _choose(demo, "Version B", "v1")
    demo.get_by_label("Question", exact=True).press("Enter")
    _check_answer(demo, "#answer-b", "v1", _expected(demo_root, "v1", picture))
    expect(demo.get_by_text("test set says")).to_have_count(0)


def test_the_best_five_answers_and_the_map_are_shown(demo, picture):
    _upload(demo, picture)
    _write(demo, QUESTION)
    demo.get_by_label("Question", exact=True).press("Enter")
    shown = demo.locator("#answer-a")
    expect(shown.locator("tbody tr")).to_have_count(5)
    assert len(set(shown.locator("tbody th").all_inner_texts())) == 5
    widths = shown.locator("td.bar div").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.width))")
    assert widths == sorted(widths, reverse=True) and 0 < sum(widths) <= 100
    # What is all but impossible has no bar.
    shares = [share for share in shown.locator("td.share").all_inner_texts() if not share.startswith("<")]
    for width, share in zip(widths, shares, strict=True):
        assert share == _percent(width / 100)
    drawn = shown.locator("img.map")
    width, height = Image.open(BytesIO(picture)).size
    assert drawn.evaluate("image => image.naturalWidth") == LONGEST
    assert drawn.evaluate("image => image.naturalHeight") == round(LONGEST * height / width)
    assert re.search(r"looked: most at the [a-z ]+, \d+\.\d times an even share", drawn.get_attribute("alt"))
    first, second = (
        demo.locator(f"{place} img.map").get_attribute("src") for place in ("#answer-a", "#answer-b")
    )
    assert first != second and first.startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("width", [400, 1280])
def test_no_row_of_the_pictures_to_pick_from_is_cut(demo, width):
    demo.set_viewport_size({"width": width, "height": 900})
    cut = """wrap => wrap.scrollHeight > wrap.clientHeight + 1
        || wrap.lastElementChild.getBoundingClientRect().bottom > wrap.getBoundingClientRect().bottom"""
    assert not demo.locator("#examples .grid-wrap").evaluate(cut)
    # On a telephone they are one row, so that the question is not a screen below.
    assert demo.evaluate("document.documentElement.scrollWidth") == width
    if width == 400:
        assert demo.locator("#examples .grid-wrap").bounding_box()["height"] < 130


def test_a_picture_of_the_test_set_comes_with_its_questions_and_answers(demo, pairs, picture):
    most = pairs.groupby("image_id").size().max()
    question = demo.get_by_label("Question", exact=True)
    for number in range(demo.locator("#examples button").count()):
        demo.locator("#examples button").nth(number).click()
        demo.get_by_label("Its questions in the test set").click()
        if demo.get_by_role("option").count() == most:
            break
        demo.keyboard.press("Escape")
    expect(question).to_have_value("what color is it?")
    expect(demo.locator("#reference")).to_have_text("The test set says: red")
    expect(demo.locator("#picture img")).to_be_visible()
    demo.get_by_role("option").filter(has_text="striped").click()
    expect(question).to_have_value("is it striped?")
    expect(demo.locator("#reference")).to_have_text("The test set says: yes")
    demo.get_by_role("button", name="Ask").click()
    expect(demo.locator("#answer-a")).to_contain_text("the test set says yes")
    # Another question, and another picture, have no answer in the test set.
    question.fill("is it heavy?")
    expect(demo.locator("#reference")).to_have_count(0)
    question.fill("is it striped?")
    expect(demo.locator("#reference")).to_have_count(1)
    demo.locator("#picture").get_by_role("button").first.click()
    _upload(demo, picture)
    expect(demo.locator("#reference")).to_have_count(0)
    expect(demo.locator("#listed")).to_have_count(0)


def test_what_is_missing_is_said(demo, picture):
    demo.get_by_role("button", name="Ask").click()
    expect(_message(demo)).to_contain_text("Give a picture first")
    _upload(demo, picture)
    expect(demo.locator("#picture img")).to_be_visible()
    _write(demo, "   ")
    demo.get_by_role("button", name="Ask").click()
    expect(_message(demo)).to_contain_text("Ask a question first")


def test_what_a_file_holds_counts_and_not_its_name(demo, picture):
    _upload(demo, b"no picture at all", "picture.png", "image/png")
    expect(_message(demo)).to_contain_text("no JPEG, PNG, WebP, GIF, BMP")
    expect(demo.locator("#picture img")).to_have_count(0)
    _upload(demo, picture, "picture.png", "image/png")
    expect(demo.locator("#picture img")).to_be_visible()
    _write(demo, QUESTION)
    demo.get_by_role("button", name="Ask").click()
    expect(demo.locator("#answer-a tbody tr")).to_have_count(5)


def test_a_bomb_is_refused_before_it_is_decoded(demo, server, bomb, picture):
    assert len(bomb) < 100_000
    before = server.most_memory
    _upload(demo, bomb, "bomb.png", "image/png")
    expect(_message(demo)).to_contain_text("more than 50 megapixels")
    expect(demo.locator("#picture img")).to_have_count(0)
    # Decoded it would be 1,200 MB.
    assert server.most_memory < before + 100
    _upload(demo, picture)
    _write(demo, QUESTION)
    demo.get_by_role("button", name="Ask").click()
    expect(demo.locator("#answer-a tbody tr")).to_have_count(5)


def test_a_file_that_is_too_large_is_refused_by_the_page_and_by_the_server(demo, server, tmp_path):
    (tmp_path / "large.png").write_bytes(bytes(21_000_000))
    demo.locator("#picture input[type=file]").set_input_files(tmp_path / "large.png")
    expect(_message(demo)).to_contain_text("maximum allowed size of 20")
    # Gradio's page asks how far an upload is that it did not send.
    expected = [problem for problem in demo.problems if re.search("404|^console: Response$", problem)]
    assert demo.problems == expected
    demo.problems.clear()
    with (tmp_path / "large.png").open("rb") as file:
        answer = requests.post(f"{server.address}/gradio_api/upload", files={"files": file}, timeout=120)
    assert answer.status_code == 413


def test_it_is_readable_at_400_pixels_and_in_the_dark(demo, picture):
    demo.set_viewport_size({"width": 400, "height": 800})
    demo.emulate_media(color_scheme="dark")
    demo.reload()
    _upload(demo, picture)
    _write(demo, QUESTION)
    demo.get_by_role("button", name="Ask").click()
    expect(demo.locator("#answer-b img.map")).to_be_visible()
    assert demo.evaluate("document.documentElement.scrollWidth") <= 400
    first, second = (demo.locator(place).bounding_box() for place in ("#answer-a", "#answer-b"))
    assert second["y"] >= first["y"] + first["height"]
    for place in ("#answer-a .said", "#answer-a caption", "#answer-a td.share", "#note p"):
        assert _contrast(demo, place) > 4.5, place


def _contrast(page, place: str) -> float:
    """WCAG's contrast of a text with what is behind it."""
    text, behind = page.locator(place).first.evaluate(
        """element => {
            const shown = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
            const over = (colours) => {
                shown.clearRect(0, 0, 1, 1);
                for (const colour of colours) { shown.fillStyle = colour; shown.fillRect(0, 0, 1, 1); }
                return [...shown.getImageData(0, 0, 1, 1).data].slice(0, 3);
            };
            const grounds = [];
            for (let one = element; one; one = one.parentElement) grounds.unshift(getComputedStyle(one).backgroundColor);
            return [over([...grounds, getComputedStyle(element).color]), over(grounds)];
        }"""
    )

    def luminance(colour: list[int]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(text), luminance(behind)))
    return (high + 0.05) / (low + 0.05)
