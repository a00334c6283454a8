"""The files of languages: what templates make of a listing in each, and what a mistake in a file is answered with."""

import json
import re

import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.sources.language_files import (
    ENGLISH,
    FOLDER,
    code_of,
    language_codes,
    load_language,
    read_language,
)
from vqatune.generation.sources.slots import OPTIONS, PRINT_SLOTS, SLOTS
from vqatune.generation.sources.template import template_pairs
from vqatune.generation.sources.visible import visible
from vqatune.showroom.products import KINDS, describe, random_product
from vqatune.showroom.wording import translate

CODES = language_codes()
OTHERS = [code for code in CODES if code != ENGLISH]
LISTED = {
    "color": ["Navy blue", "Dunkelblau", "Azul marino", "Bleu marine", "Blu", "ネイビーブルー"],
    "pattern": ["Polka dots", "Gepunktet", "De lunares", "À pois", "A pois", "水玉模様"],
    "material": [
        "Oak",
        "Massive Eiche",
        "Madera de roble",
        "Chêne massif",
        "Legno di rovere",
        "天然木オーク",
    ],
    "item_shape": ["Round", "Runde Form", "Redondo", "Rond", "Tondo", "丸型"],
    "style": ["Retro", "Retro", "Retro", "Rétro", "Retrò", "レトロ"],
    "finish_type": [
        "Matte",
        "Matte Oberfläche",
        "Acabado mate",
        "Finition mate",
        "Finitura opaca",
        "つや消し",
    ],
}
"""Values of catalogues, in the order of the languages below."""
ANSWERS = {
    "en": ("lamp", "blue", "dotted", "wood", "round", "lighting", "vintage", "matte", "yes", "no"),
    "de": ("Lampe", "Blau", "gepunktet", "Holz", "rund", "Beleuchtung", "Vintage", "matt", "ja", "nein"),
    "es": ("lámpara", "azul", "lunares", "madera", "redonda", "iluminar", "vintage", "mate", "sí", "no"),
    "fr": ("lampe", "bleu", "pois", "bois", "ronde", "éclairer", "vintage", "mate", "oui", "non"),
    "it": ("lampada", "blu", "pois", "legno", "rotonda", "illuminare", "vintage", "opaca", "sì", "no"),
    "ja": ("ランプ", "青", "ドット", "木材", "丸形", "照明", "ヴィンテージ", "マット", "はい", "いいえ"),
}


def metadata_in(code: str) -> dict[str, list[str]]:
    return {field: [values[list(ANSWERS).index(code)]] for field, values in LISTED.items()}


def checked(listings: list[tuple[dict, str]], code: str) -> pd.DataFrame:
    """The pairs of listings (metadata, product type), and the checks that they fail."""
    images, pairs = [], []
    for number, (metadata, product_type) in enumerate(listings):
        image = {"image_id": str(number), "item_id": "B0", "product_type": product_type}
        images.append(image | {"language": f"{code}_XX", "metadata": json.dumps(metadata)})
        for pair in template_pairs(metadata, product_type, str(number), seed=1, code=code):
            asked = {"question": pair.question, "answer": pair.answer, "difficulty": pair.difficulty}
            pairs.append(
                {"image_id": str(number), **asked, "question_type": pair.question_type, "source": "template"}
            )
    return clean_and_check(pd.DataFrame(pairs), pd.DataFrame(images))


@pytest.mark.parametrize("code", ANSWERS)
def test_a_listing_in_a_language_gives_the_pairs_of_that_language(code):
    pairs = checked([(metadata_in(code), "HOME_LIGHTING_AND_LAMPS")] * 40, code)
    assert pairs["check"].isna().all()
    assert set(pairs["answer"]) == set(ANSWERS[code])
    # Each of its answers belongs to one question type, but yes and no.
    kinds = ("object", "color", "pattern", "material", "shape", "function", "style", "material")
    for answer, kind in zip(ANSWERS[code][:-2], kinds, strict=True):
        assert set(pairs.loc[pairs["answer"] == answer, "question_type"]) == {kind}, answer


def test_german_questions_are_german():
    asked = {
        pair.question: pair.answer
        for number in range(60)
        for pair in template_pairs(metadata_in("de"), "LAMP", str(number), seed=1, code="de")
    }
    wanted = {
        "Welche Farbe hat die Lampe?": "Blau",
        "Welches Muster hat die Lampe?": "gepunktet",
        "Ist die Lampe blau?": "ja",
        "Ist auf dem Bild eine Lampe zu sehen?": "ja",
        "Ist die Lampe sowohl blau als auch gepunktet?": "ja",
        "Passt dieses Produkt in eine Manteltasche?": "nein",
    }
    assert asked.items() >= wanted.items()


@pytest.mark.parametrize("code", OTHERS)
def test_all_pairs_of_the_showrooms_listings_pass_every_check(code):
    tags = {"de": "de_DE", "es": "es_ES", "fr": "fr_FR", "ja": "ja_JP"}
    listings = []
    for number in range(250):
        product = random_product(3, number)
        listings.append(
            (
                {
                    field: [translate(value, tags.get(code, code)) for value in values]
                    for field, values in describe(product).items()
                },
                product.kind,
            )
        )
    pairs = checked(listings, code)
    language = load_language(code)
    assert pairs["check"].isna().all(), pairs[pairs["check"].notna()]
    assert len(pairs) > 8 * len(listings)
    for question, answer in zip(pairs["question"], pairs["answer"], strict=True):
        assert not re.search(r"[{}]|  ", question) and question[-1] in "?？", question
        assert not re.search(r"\s", answer)
    yes = (pairs["answer"] == language.yes).sum()
    assert 0.4 < yes / (yes + (pairs["answer"] == language.no).sum()) < 0.6


@pytest.mark.parametrize("code", CODES)
def test_the_answers_and_nouns_of_a_language_are_read_as_what_they_mean(code):
    language = load_language(code)
    fields = {"shape": "item_shape", "finish": "finish_type"}
    for feature in ("color", "pattern", "shape", "material", "style", "finish"):
        for meaning, word in language.words[feature].items():
            seen = visible({fields.get(feature, feature): [word.answer]}, "VASE", code)
            assert getattr(seen, feature) == meaning, word
    for noun, said in (language.nouns or {}).items():
        read = visible({}, said.name, code).noun
        assert language.nouns[read].name == said.name
        assert visible({}, noun.upper(), code).noun == noun


@pytest.mark.parametrize("code", CODES)
def test_every_product_of_the_showroom_and_every_option_has_its_words(code):
    language = load_language(code)
    assert set(language.questions) >= set(SLOTS)
    assert (code == ENGLISH) == (set(language.questions) >= set(PRINT_SLOTS))
    for kind in KINDS:
        noun = visible({}, kind, code).noun
        assert language.nouns is None or noun in language.nouns, kind
    for feature in ("color", "pattern", "finish"):
        assert all(language.words[feature][option].asked for option in OPTIONS[feature])
    wordings = [wording for wordings in language.questions.values() for wording in wordings]
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize(
    ("code", "field", "value", "meaning"),
    [
        ("de", "color", "Stainless Steel", "silver"),
        ("de", "color", "Blau/Weiß", None),
        ("de", "color", "Roségold", None),
        ("de", "color", "MARINEBLAU", "blue"),
        ("fr", "color", "Marine / navy", "blue"),
        ("fr", "color", "or rose", None),
        ("es", "material", "Acero inoxidable", "metal"),
        ("ja", "color", "ﾚｯﾄﾞ", "red"),
        ("ja", "color", "黒×白", None),
        ("ja", "color", "マットBlack", "black"),
        ("ja", "material", "木綿", "fabric"),
        ("ja", "material", "木目調プラスチック", None),
        ("en", "color", "Rot", None),
    ],
)
def test_words_are_read_in_the_listings_language_and_in_english(code, field, value, meaning):
    assert getattr(visible({field: [value]}, "VASE", code), field) == meaning


@pytest.mark.parametrize(
    ("code", "product_type", "noun"),
    [
        ("de", "Stühle", "chair"),
        ("de", "CHAIR", "chair"),
        ("de", "Lampen & Tische", None),
        ("es", "Silla de oficina", "chair"),
        ("fr", "TABLE_LAMP", "lamp"),
        ("fr", "Table de chevet", "table"),
        ("ja", "腕時計", "watch"),
        ("ja", "プラグ", None),
    ],
)
def test_product_types_may_be_in_the_listings_language(code, product_type, noun):
    assert visible({}, product_type, code).noun == noun


def test_what_a_product_may_be_called_as_well_is_not_denied():
    asked = [
        pair
        for number in range(200)
        for pair in template_pairs({}, "BOOT", str(number), seed=1, code="de")
        if pair.question_type == "object"
    ]
    assert {pair.answer for pair in asked} == {"Stiefel", "ja", "nein"}
    assert not any("ein Schuh" in pair.question for pair in asked)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("de_DE", "de"), ("de-AT", "de"), ("EN_us", "en"), (None, "en"), ("und", "en"), ("pt_BR", None)],
)
def test_a_listings_tag_names_its_file(tag, code):
    assert code_of(tag) == code


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("thing: das Produkt\n", "", "the file lacks thing"),
        (
            "thing: das Produkt\n",
            "thing: das Produkt\nthink: x\n",
            "the file has think, which en.yaml has not",
        ),
        ('"no": nein', '"no": 0', "no is 0, not a text"),
        ("  teal: ", "  teel: ", "color lacks teal"),
        ("  sitting: Sitzen", "  sitting: zum Sitzen", "has the answer 'zum Sitzen': answers are one word"),
        ("  style:\n", "  stile:\n", "questions lacks style"),
        ("Farbe hat {thing}?", "Farbe hat {ding}?", r"\{ding\}: there may be \{thing\}"),
        ("Ist {thing} {word}?", "Ist {thing} rot?", r"'Ist \{thing\} rot\?' lacks the placeholder \{word\}"),
        ("Farbe hat {thing}?", "Farbe hat {thing?", "questions.color 'Welche Farbe hat"),
        ("words: kamel", "words: rot", "color.tan has 'rot', which stands for red, too"),
        ("words: kamel", "word: kamel", "color.tan has word, which en.yaml has not"),
        ("  bed: [Bett, das Bett, ein Bett, Betten]", "  bed: [Bett]", "nouns.bed is neither"),
        ("  lamp: ", "  lamb: ", "nouns lacks lamp"),
        ("also: {", "also: {boat: shoe, ", "also has boat, which is not in nouns"),
        ("questions:\n", "questions: [\n", "is not YAML"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_the_place(tmp_path, was, becomes, said):
    text = (FOLDER / "de.yaml").read_text("utf-8")
    assert was in text
    path = tmp_path / "de.yaml"
    path.write_text(text.replace(was, becomes, 1), encoding="utf-8")
    with pytest.raises(DataError, match=said) as raised:
        read_language(path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)
