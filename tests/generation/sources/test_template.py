import gzip
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.catalogue.sources.table import ONE_TYPE
from vqatune.generation.sources.template import TemplatePair, template_pairs
from vqatune.generation.sources.visible import noun_of, visible
from vqatune.showroom.products import INKS, KINDS, MOTIFS, Product, describe, random_product

SLICE = Path(__file__).resolve().parents[3].parent / "shared/abo-slice"
TYPES = {
    *("object", "color", "shape", "pattern", "material", "count"),
    *("position", "size", "function", "style", "text"),
}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
PRODUCTS = [random_product(3, number) for number in range(3000)]


def ask(product: Product, image_id: str = "image", seed: int = 1) -> list[TemplatePair]:
    return template_pairs(describe(product), product.kind, image_id=image_id, seed=seed)


def expected(pair: TemplatePair, product: Product) -> str | None:
    """The answer that a look at the product gives; None for what takes knowledge of the world."""
    question, count = pair.question, product.count
    words = set(re.findall("[a-z]+", question.lower()))
    if question.startswith(("Is", "Are", "Does", "Would")):
        truth = judge(question, words, product)
        return None if truth is None else "yes" if truth else "no"
    if pair.question_type == "count":
        if "extra" in words:
            return NUMBERS[count + 1]
        if "removed" in words:
            return NUMBERS[count - 1]
        return NUMBERS[2 * count] if "pair" in words else NUMBERS[count]
    if pair.question_type == "shape" and "corners" in words:
        return {"triangle": "three", "square": "four", "diamond": "four"}[product.motif]
    if pair.question_type == "shape":
        return product.motif if words & {"print", "printed"} else product.shape
    if pair.question_type == "color":
        return product.ink if words & {"print", "printed"} else product.color
    if pair.question_type == "material":
        return product.finish if words & {"finish", "finished"} else None
    return {
        "pattern": product.pattern,
        "style": product.style,
        "position": product.position,
        "object": noun_of(product.kind),
    }.get(pair.question_type)


def judge(question: str, words: set[str], product: Product) -> bool | None:
    number = next((NUMBERS.index(word) for word in words if word in NUMBERS), 0)
    if "more" in words:
        return product.count > number
    if "fewer" in words:
        return product.count < number
    if "nearer" in words:
        return product.position in words
    if words & {"lighter", "darker"}:
        light = {"white": 5, "yellow": 4, "grey": 2, "black": 0}
        return (light.get(product.ink, 1) > light.get(product.color, 1)) == ("lighter" in words)
    if "both" in words:
        return product.color in words and product.pattern in words
    if "anything" in words or "carry" in words:
        return product.motif is not None
    if words & set(MOTIFS) and words & {"print", "printed"}:
        return product.motif in words
    if words & {"glossy", "matte"}:
        return product.finish in words
    if words & {"solid", "striped", "dotted", "checkered"}:
        return product.pattern in words
    if question.startswith(("Is this a", "Does the picture show a")) and "product" not in words:
        return noun_of(product.kind) in words
    return None if "pocket" in words else product.color in words


def test_answers_are_what_is_drawn():
    checked = Counter()
    for number, product in enumerate(PRODUCTS):
        for pair in ask(product, f"image{number}"):
            answer = expected(pair, product)
            if answer is not None:
                assert pair.answer == answer, (pair, product)
                checked[pair.question_type] += 1
    assert all(
        checked[kind] > 100 for kind in ("color", "shape", "pattern", "count", "position", "style", "object")
    )


def test_pairs_of_an_image_are_well_formed():
    for number, product in enumerate(PRODUCTS):
        pairs = ask(product, f"image{number}")
        assert 8 <= len(pairs) <= 12
        assert len({pair.question for pair in pairs}) == len(pairs)
        for pair in pairs:
            assert re.fullmatch("[a-z]+", pair.answer)
            assert pair.answer not in re.findall("[a-z]+", pair.question.lower())
            assert pair.difficulty in (0, 1, 2, 3, 5) and pair.question_type in TYPES
            assert pair.question[0].isupper() and pair.question.endswith("?")
            assert "{" not in pair.question and "  " not in pair.question


def test_questions_come_in_every_difficulty_and_type_that_pictures_without_text_allow():
    pairs = [pair for number, product in enumerate(PRODUCTS) for pair in ask(product, str(number))]
    assert {pair.difficulty for pair in pairs} == {0, 1, 2, 3, 5}
    assert {pair.question_type for pair in pairs} == TYPES - {"text"}


def test_yes_and_no_are_balanced_whatever_is_asked():
    answers = {}
    for number, product in enumerate(PRODUCTS):
        for pair in ask(product, str(number)):
            if pair.answer in ("yes", "no"):
                answers.setdefault((pair.question_type, pair.difficulty), []).append(pair.answer == "yes")
    for asked, said in answers.items():
        if len(said) > 200:
            assert 0.44 < sum(said) / len(said) < 0.56, asked


def test_wording_and_choice_depend_on_the_image_and_the_seed_alone():
    product = PRODUCTS[0]
    assert ask(product, "a", 1) == ask(product, "a", 1)
    others = [ask(product, image, seed) for image in ("b", "c", "d") for seed in (1, 2)]
    assert sum(pairs != ask(product, "a", 1) for pairs in others) >= 5


@pytest.mark.parametrize(
    ("field", "values", "word"),
    [
        ("color", ["navy blue"], "blue"),
        ("color", ["Navy"], "blue"),
        ("color", ["Dark Gray"], "grey"),
        ("color", ["Mushroom"], None),
        ("color", ["Black (Black Black)"], "black"),
        ("color", ["White/Brass"], None),
        ("color", ["black and grey"], None),
        ("color", ["Rose Gold"], None),
        ("color", ["yellow gold plated silver"], None),
        ("color", ["Multicolor"], None),
        ("color", ["Stainless Steel"], "silver"),
        ("color", ["0"], None),
        ("color", ["None", ""], None),
        ("material", ["Solid Oak Wood"], "wood"),
        ("material", ["Faux Leather"], "leather"),
        ("material", ["Wood", "Metal"], None),
        ("material", ["Premium quality"], None),
        ("fabric_type", ["100% Cotton"], "fabric"),
        ("pattern", ["Polka Dots"], "dotted"),
        ("pattern", ["Plain"], "solid"),
        ("item_shape", ["Rectangle"], "rectangular"),
        ("item_shape", ["L-shaped"], None),
        ("style", ["Mid-Century Modern"], "modern"),
        ("style", ["Pack of 2"], None),
        ("finish_type", ["Polished Finish"], "polished"),
    ],
)
def test_only_plain_visible_words_are_recognised(field, values, word):
    name = {"fabric_type": "material", "item_shape": "shape", "finish_type": "finish"}.get(field, field)
    assert getattr(visible({field: values}, "TABLE"), name) == word


@pytest.mark.parametrize(
    ("product_type", "noun"),
    [
        ("CELLULAR_PHONE_CASE", "case"),
        ("SHOES", "shoe"),
        ("BEAN_BAG_CHAIR", "chair"),
        ("FINERING", "ring"),
        ("HOME_FURNITURE_AND_DECOR", None),
        ("GROCERY", None),
        ("BISS", None),
        (ONE_TYPE, None),
        ("", None),
    ],
)
def test_a_product_type_has_one_noun_or_none(product_type, noun):
    assert noun_of(product_type) == noun


def test_prints_are_read_from_bullet_points_and_packs_are_not():
    bullets = ["Pack of 2 stars", "Two Red Hearts printed on the LEFT", "3 stars printed at the top"]
    seen = visible({"bullet_point": bullets}, "PILLOW").print
    assert (seen.count, seen.motif, seen.position, seen.ink) == (2, "heart", "left", "red")
    for text in (
        "2 stars included",
        "12 stars printed at the top",
        "printed at the top with 3 inks",
        "1,000-count",
    ):
        assert visible({"bullet_point": [text]}, "PILLOW").print is None
    assert visible({"bullet_point": ["3 stars printed in the middle"]}, "RUG").print.position == "center"


def test_nothing_is_asked_that_only_the_text_answers():
    silent = {
        "item_name": ["Acme 10 oz cup, red, 1,000-count"],
        "product_description": ["A blue wooden star, 30 x 40 cm, by Acme"],
        "bullet_point": ["Pack of 12", "Weighs 3 pounds", "Model SR-4410", "Fits iPhone 8"],
        "brand": ["Acme"],
        "size": ["Large"],
        "color_code": ["#FF0000"],
    }
    assert template_pairs(silent, "GROCERY", image_id="a", seed=1) == []
    with_type = template_pairs(silent, "DRINKING_CUP", image_id="a", seed=1)
    assert with_type == template_pairs({}, "DRINKING_CUP", image_id="a", seed=1) and with_type


def test_light_of_a_bulb_and_shape_of_a_gem_are_not_asked_as_the_products_own():
    assert visible({"color": ["Soft White"]}, "LIGHT_BULB").color is None
    assert visible({"item_shape": ["Round"]}, "FINERING").shape is None


def test_every_ink_and_kind_of_the_showroom_is_understood():
    for kind in KINDS:
        assert noun_of(kind) and visible({}, kind).function or kind == "RUG"
        assert visible(describe(random_product(1, kind=kind)), kind).material
    for ink in INKS:
        seen = visible({"bullet_point": [f"1 {ink} star printed at the top"]}, "RUG").print
        assert seen.ink == ink


values = st.lists(
    st.text(max_size=30) | st.sampled_from(["Red", "wood", "3 stars printed at the top", "None"]), max_size=3
)
fields = st.sampled_from(
    ["color", "pattern", "material", "item_shape", "bullet_point", "style", "finish_type", "x"]
)


@given(
    metadata=st.dictionaries(fields, values), product_type=st.text(max_size=20) | st.sampled_from(list(KINDS))
)
def test_any_metadata_gives_well_formed_pairs(metadata, product_type):
    pairs = template_pairs(metadata, product_type, image_id="a", seed=1)
    assert len({pair.question for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert re.fullmatch("[a-z]+", pair.answer)
        assert pair.answer not in re.findall("[a-z]+", pair.question.lower())


@pytest.mark.skipif(not SLICE.exists(), reason="the slice of ABO is not here")
def test_real_listings_give_sensible_pairs():
    asked, answers = 0, Counter()
    with tarfile.open(SLICE / "abo-listings.tar") as archive:
        lines = gzip.decompress(
            archive.extractfile("listings/metadata/listings_0.json.gz").read()
        ).splitlines()
    for record in map(json.loads, lines):
        metadata = {
            name: [entry["value"] for entry in record[name]]
            for name in ("color", "item_name")
            if name in record
        }
        pairs = template_pairs(metadata, record["product_type"][0]["value"], record["main_image_id"], seed=1)
        asked += bool(pairs)
        answers.update(pair.answer for pair in pairs if pair.question_type == "color")
    assert asked > 0.85 * len(lines)
    assert {word for word, _ in answers.most_common(8)} >= {"yes", "no", "black", "white", "blue"}
