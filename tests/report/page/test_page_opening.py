"""How the page begins, what follows in which order, and where its links lead."""

import re
from dataclasses import replace

import pytest
from report_page import count, until

from vqatune.report.page.answers import read_answers
from vqatune.report.page.type_cards import MOST, UNTYPED, type_cards

SECTIONS = ["summary", "overall", "strengths", "errors", "scores", "learning", "slices", "tasks", "views"]
SECTIONS += ["comparison", "examples", "data", "made"]


@pytest.fixture(scope="module")
def body(small_page) -> str:
    page = small_page.read_text(encoding="utf-8")
    return re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)


def test_pictures_and_scores_come_before_the_data_and_the_table_of_contents_has_all_in_their_order(body):
    assert re.findall(r'<section id="(\w+)"', body) == SECTIONS
    assert re.findall(r'<li><a href="#(\w+)">', body[: body.index("</nav>")]) == SECTIONS
    counts = body.index('<dl class="counts">')
    assert body.index("<img") < body.index('id="exact_match"') < body.index('id="strengths"') < counts
    assert body.index('<section id="data"') < counts < body.index('id="funnel"')


def test_every_link_leads_to_a_part_of_the_page(body):
    names = set(re.findall(r'\bid="([^"]+)"', body))
    links = re.findall(r'href="#([^"?]+)', body)
    assert len(links) > 20 and set(links) <= names


def test_a_card_shows_a_question_of_each_type_and_who_answers_it_right(opened, pairs):
    cards = opened.eval_on_selector_all(
        "article.type",
        """cards => cards.map(card => ({
            kind: card.querySelector("h3").textContent,
            question: card.querySelector("p").textContent,
            image: card.querySelector("img").alt.split("image ")[1],
            width: card.querySelector("img").naturalWidth,
            rows: [...card.querySelectorAll("tr")].map(row => [...row.cells].map(cell => cell.textContent)),
        }))""",
    )
    counts = pairs["question_type"].value_counts()
    # Those with most questions.
    assert [counts[card["kind"]] for card in cards] == counts.tolist()[:MOST]
    assert len({card["kind"] for card in cards}) == len(cards)
    assert len({card["image"] for card in cards}) == len(cards) and all(card["width"] > 50 for card in cards)
    for card in cards:
        rows = pairs[(pairs["image_id"] == card["image"]) & (pairs["question"] == card["question"])]
        asked, of_type = rows.iloc[0], pairs[pairs["question_type"] == card["kind"]]
        assert asked["question_type"] == card["kind"] and card["rows"][1][:2] == [
            "reference",
            asked["answer"],
        ]
        # v1 is the best by validation.
        for version, cells in zip(("blind", "base", "v1"), card["rows"][2:], strict=True):
            mark, said = ("✓", ", right,") if asked[version] else ("✗", ", wrong,")
            share = f"{100 * of_type[version].mean():.0f}\u00a0%"
            assert cells == [version, f"{mark}\u00a0{asked[f'{version}_answer']}{said}", share]


def test_strengths_and_weaknesses_lead_to_their_examples(opened, pairs):
    opened.emulate_media(reduced_motion="reduce")
    links = opened.locator("#strengths li a")
    assert links.count() == 6
    columns = {"question type": "question_type", "product type": "product_type", "difficulty": "difficulty"}
    for place in range(6):
        link = links.nth(place)
        label, value = re.fullmatch(
            r"(question type|product type|difficulty) (.+)", link.text_content()
        ).groups()
        of_slice = pairs[pairs[columns[label]].astype(str) == value]
        said = link.locator("xpath=..").inner_text()
        assert (
            f"{of_slice['v1'].mean():.3f} of {len(of_slice)} questions, blind {of_slice['blind'].mean():.3f}"
            in said
        )
        wanted = of_slice[of_slice["v1"] & ~of_slice["blind"]] if place < 3 else of_slice[~of_slice["v1"]]
        link.click()
        until(opened, f"document.querySelector('#shown').textContent.startsWith('{len(wanted)} of')")
        assert count(opened)[0] == len(wanted) and f"{len(wanted)} example" in said
        until(opened, "Math.abs(document.querySelector('#examples').getBoundingClientRect().top) < 40")


def test_without_types_of_questions_there_are_some_pictures_nevertheless(small_run):
    answers = read_answers(small_run.root, small_run.versions)
    untyped = replace(answers, pairs=answers.pairs.assign(question_type=None))
    question = [0, 1, None, None, [1, 1, 1, 1], [None] * 4, "0001"]
    images = [
        {"id": f"i{number}", "type": "BAG", "source": "data:", "questions": [question]} for number in range(9)
    ]
    cards = type_cards(untyped, {"texts": ["Is it?", "yes"], "images": images}, ["base", "v2"])
    assert [card.image for card in cards] == [f"i{number}" for number in range(UNTYPED)]
    assert [(each.version, each.right) for each in cards[0].answers] == [("base", False), ("v2", True)]
    assert cards[0].link == "#examples" and cards[0].pairs == len(answers.pairs)


def test_types_share_a_picture_where_there_are_too_few(small_run):
    answers = read_answers(small_run.root, small_run.versions)
    kinds = answers.pairs["question_type"].value_counts().index[:2].tolist()
    questions = [[0, 1, None, 2 + place, [1, 1, 1, 1], [None] * 4, "0001"] for place in range(2)]
    images = [{"id": "i1", "type": "BAG", "source": "data:", "questions": questions}]
    cards = type_cards(answers, {"texts": ["Is it?", "yes", *kinds], "images": images}, ["v2"])
    assert [(card.question_type, card.image) for card in cards] == [(kind, "i1") for kind in kinds]


BROKEN = """() => [...document.querySelectorAll("td, th")].flatMap(cell => {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), broken = [];
    for (let text; (text = texts.nextNode()); )
        for (const word of text.data.matchAll(/[A-Za-z]+/g)) {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            if (new Set([...range.getClientRects()].map(each => each.top)).size > 1) broken.push(word[0]);
        }
    return broken;
})"""
"""Words of tables that go on in another line."""


def test_on_a_telephone_no_word_of_a_table_is_broken_and_every_table_scrolls_in_itself(opened):
    opened.set_viewport_size({"width": 400, "height": 900})
    assert opened.evaluate(BROKEN) == []
    overflowing = "tables => tables.filter(each => !['auto', 'scroll'].includes(getComputedStyle(each.parentElement).overflowX))"
    assert opened.eval_on_selector_all("table", f"tables => ({overflowing})(tables).length") == 0
