"""The examples of the page in a browser."""

import re
import shutil
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect
from report_page import count, counted, until

from vqatune.report.page.page import write_page
from vqatune.tables import PAIRS, PREDICTIONS, write_table


@pytest.mark.parametrize(("name", "column"), [("difficulty", "difficulty"), ("type", "product_type")])
def test_a_filter_shows_the_questions_of_a_slice(opened, pairs, name, column):
    assert count(opened) == counted(pairs)
    options = opened.eval_on_selector_all(f"[name={name}] option", "all => all.map(each => each.value)")
    assert options[1:] == [str(value) for value in sorted(pairs[column].unique())]
    opened.select_option(f"[name={name}]", options[-1])
    until(opened, f"!document.querySelector('#shown').textContent.startsWith('{len(pairs)} ')")
    assert count(opened) == counted(pairs[pairs[column].astype(str) == options[-1]])
    opened.click("#filters button[type=reset]")
    assert count(opened) == counted(pairs)


def test_what_one_version_had_right_and_the_next_has_wrong_is_found(opened, pairs):
    for name, value in {"a": "v1", "ar": "right", "b": "v2", "br": "wrong"}.items():
        opened.select_option(f"[name={name}]", value)
    opened.wait_for_timeout(50)
    wanted = pairs[pairs["v1"] & ~pairs["v2"]]
    assert count(opened) == counted(wanted) and 0 < len(wanted) < len(pairs)
    while opened.is_visible("#more"):
        opened.click("#more")
    # The rows in sight, not those that are folded.
    rows = opened.locator("#cards .card > div > .scroll tbody tr")
    assert rows.count() == len(wanted)
    columns = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    assert {tuple("right" in cell for cell in cells[2:]) for cells in columns} == {(True, False)}
    assert {cells[2][0] + cells[3][0] for cells in columns} == {"✓✗"}


def test_words_are_searched_in_questions_references_and_the_answers_that_are_shown(opened, pairs):
    for name, value in {"a": "v1", "b": "v2"}.items():
        opened.select_option(f"[name={name}]", value)
    opened.fill("[name=q]", "  RED ")
    texts = pairs[["question", "answer", "v1_answer", "v2_answer"]].apply(lambda column: column.str.lower())
    wanted = pairs[texts.apply(lambda column: column.str.contains("red", regex=False)).any(axis=1)]
    until(opened, f"document.querySelector('#shown').textContent.startsWith('{len(wanted)} ')")
    assert count(opened) == counted(wanted) and 0 < len(wanted) < len(pairs)
    opened.fill("[name=q]", "no such word")
    until(opened, "document.querySelector('#shown').textContent.startsWith('0 ')")
    assert opened.locator(".card").count() == 0


def test_cards_come_in_parts_with_all_their_questions_and_versions(opened, pairs):
    assert opened.locator(".card").count() == 24
    opened.click("#more")
    images = pairs["image_id"].nunique()
    assert opened.locator(".card").count() == images and not opened.is_visible("#more")
    card = opened.locator(".card").nth(3)
    image = re.search(r"image (\S+)$", card.get_attribute("aria-label"))[1]
    of_image = pairs[pairs["image_id"] == image]
    shown = card.locator("tbody tr").evaluate_all("rows => rows.map(row => row.cells[0].textContent)")
    assert sorted(shown) == sorted(of_image["question"])
    assert card.locator("img").get_attribute("alt").endswith(image)
    card.scroll_into_view_if_needed()
    until(opened, "document.querySelectorAll('.card img')[3].naturalWidth > 50")
    card.locator("summary", has_text="all versions").click()
    # What is folded is made once it has opened.
    expect(card.locator("details thead th")).to_have_text(
        ["question", "reference", "blind", "base", "v1", "v2"]
    )
    opened.select_option("[name=difficulty]", "0")
    opened.wait_for_timeout(50)
    opened.locator(".card summary", has_text="more question").first.click()
    card = opened.locator(".card").first
    image = re.search(r"image (\S+)$", card.get_attribute("aria-label"))[1]
    wanted = (pairs["image_id"] == image).sum()
    until(opened, f"document.querySelectorAll('.card:first-child tbody tr').length === {wanted}")


def test_filters_are_kept_in_the_address(opened, page, small_page, pairs):
    opened.select_option("[name=kind]", "color")
    opened.select_option("[name=ar]", "wrong")
    opened.wait_for_timeout(50)
    before, address = count(opened), opened.url
    assert "kind=color" in address
    page.goto("about:blank")
    page.goto(address)
    assert count(page) == before == counted(pairs[(pairs["question_type"] == "color") & ~pairs["base"]])
    assert page.input_value("[name=kind]") == "color"
    page.click("#filters button[type=reset]")
    assert "kind" not in page.url
    # An address that someone has written wrong shows all.
    page.goto("about:blank")
    page.goto(f"{small_page.as_uri()}#examples?kind=nonsense&a=v99")
    assert count(page) == counted(pairs)


def test_words_are_found_in_any_order_with_or_without_accents(page, small_run, tmp_path):
    root = tmp_path / "run"
    shutil.copytree(small_run.root, root)
    path = root / "data/test.parquet"
    test = pd.read_parquet(path)
    test.loc[test.index[5], "question"] = "Is the Crème brûlée in a white ramekin?"
    of_image = test["image_id"] == test["image_id"].iloc[5]
    test.loc[of_image, "product_type"] = "A_VERY_LONG_NAME_OF_A_PRODUCT_TYPE_OF_A_CATALOGUE_" * 2
    write_table(test, path, PAIRS)
    with chdir(root):
        write_page(Path(), small_run.versions, small_run.params, tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    for words in ("ramekin crème", "CREME  ramekin", "brulee white", "brûlée"):
        page.fill("[name=q]", words)
        until(page, "document.querySelector('#shown').textContent.startsWith('1 of')")
        page.fill("[name=q]", "")
        until(page, "!document.querySelector('#shown').textContent.startsWith('1 of')")
    page.fill("[name=q]", "ramekin nosuchword")
    until(page, "document.querySelector('#shown').textContent.startsWith('0 of')")
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_one_tuned_version_stands_beside_the_base_and_an_answer_may_have_no_probability(
    page, small_run, tmp_path
):
    root = tmp_path / "run"
    shutil.copytree(small_run.root, root)
    path = root / "data/predictions/v1.parquet"
    predictions = pd.read_parquet(path)
    predictions["log_probability"] = float("nan")
    write_table(predictions, path, PREDICTIONS)
    with chdir(root):
        write_page(Path(), ["base", "v1"], small_run.params, tmp_path / "page.html")
    page.goto((tmp_path / "page.html").as_uri())
    assert page.title() == "vqatune: what one version learned"
    assert (page.input_value("[name=a]"), page.input_value("[name=b]")) == ("base", "v1")
    assert (page.input_value("#first-version"), page.input_value("#second-version")) == ("base", "v1")
    cells = page.locator(".card").first.locator("tbody tr").first.locator("td").all_text_contents()
    assert "%" in cells[1] and "%" not in cells[2] and "NaN" not in cells[2]
