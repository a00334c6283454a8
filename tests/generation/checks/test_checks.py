import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.generation.checks.checks import CHECKS, check_pairs
from vqatune.generation.checks.cleaning import clean_pairs, fold
from vqatune.generation.sources.template import template_pairs
from vqatune.showroom.products import describe, random_product


def make_pairs(*rows: tuple) -> pd.DataFrame:
    """Rows of image_id, question, answer[, difficulty]."""
    frame = pd.DataFrame(
        [(*row, None)[:4] for row in rows], columns=["image_id", "question", "answer", "difficulty"]
    )
    return frame.astype({"difficulty": "Int8"})


def checks_of(pairs: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(name) else name for name in check_pairs(clean_pairs(pairs))]


@pytest.mark.parametrize(
    ("question", "answer", "check"),
    [
        ("What color is it?", "Black", None),
        ("How many?", "Twenty-five", None),
        ("How many?", "1,000", None),
        ("How much is full?", "5/8", None),
        ("रंग क्या है?", "लाल", None),
        (" ? ", "Black", "empty_question"),
        ("What color is it?", "", "empty_answer"),
        ("What color is it?", " '.' ", "empty_answer"),
        ("What color is it?", "-", "empty_answer"),
        ("What color is it?", "None", "none_like"),
        ("What color is it?", "N/A.", "none_like"),
        ("What color is it?", "null", "none_like"),
        ("What color is it?", "Not visible", "none_like"),
        ("What color is it?", "can’t tell", "none_like"),
        ("What color is it?", "UNKNOWN", "none_like"),
        ("What color is it?", "dark brown", "too_many_words"),
        ("What color is it?", "red#blue", "too_many_words"),
        ("What color is it?", "red,blue", "too_many_words"),
        ("What color is it?", "Cotton/poly", "too_many_words"),
        ("What is shown?", "can_opener", "too_many_words"),
        ("Is the open box full?", "Open", "answer_in_question"),
        ("Is it a slip-on shoe?", "Slip-On", "answer_in_question"),
        ("What color are the shoes?", "Shoe", None),
        ("The color of the shoe.", "Black", "not_a_question"),
        ("The shoe of leather", "Brown", "not_a_question"),
        ("How wide is it in inches?", "12", "not_visible"),
        ("How many legs does it have?", "4", None),
    ],
)
def test_a_pair_is_dropped_for_the_right_reason(question, answer, check):
    assert checks_of(make_pairs(("a", question, answer))) == [check]


def test_only_the_five_difficulties_or_none_pass():
    levels = [None, 0, 1, 2, 3, 4, 5, 6, -1]
    pairs = make_pairs(*[(f"image {level}", "What is it?", "Shoe", level) for level in levels])
    kept = [level for level, check in zip(levels, checks_of(pairs), strict=True) if check is None]
    assert kept == [None, 0, 1, 2, 3, 5]


def test_a_repeated_question_is_kept_once_for_each_image():
    pairs = make_pairs(
        ("a", "What color is it?", "Black"),
        ("a", "what  COLOR is it", "Grey"),
        ("b", "What color is it?", "White"),
        ("a", "What color is it now?", "Blue"),
    )
    assert checks_of(pairs) == [None, "repeated_question", None, None]


def test_of_repeated_questions_the_first_of_the_sources_list_is_kept():
    pairs = make_pairs(("a", "What color?", "Amber"), ("a", "What color?", "White")).assign(place=[5, 2])
    assert checks_of(pairs) == ["repeated_question", None]


def test_a_pair_that_is_dropped_anyway_does_not_push_out_a_good_one():
    pairs = make_pairs(("a", "What color?", "None"), ("a", "What color?", "White")).assign(place=[0, 1])
    assert checks_of(pairs) == ["none_like", None]


def test_a_type_that_does_not_exist_drops_a_pair_and_none_given_does_not():
    pairs = make_pairs(("a", "What?", "Shoe"), ("b", "What?", "Shoe"), ("c", "What?", "Shoe"))
    assert checks_of(pairs.assign(question_type=["color", "colour", None])) == [None, "question_type", None]


def test_the_language_of_a_question_is_that_of_its_listing():
    pairs = make_pairs(
        ("a", "Welche Farbe hat die Lampe?", "Rot"),
        ("b", "Welche Farbe hat die Lampe?", "Rot"),
        ("c", "Welche Farbe hat die Lampe?", "Rot"),
    )
    assert checks_of(pairs.assign(language=["de_DE", "en_US", None])) == [None, "language", None]
    assert checks_of(pairs) == [None, None, None]


def test_a_model_number_of_the_listing_is_no_answer():
    pairs = make_pairs(("a", "Which lamp is it?", "SM-G950"), ("b", "Which lamp is it?", "SM-G950"))
    listings = [json.dumps({"item_name": ["Lamp SM-G950, red"]}), json.dumps({"item_name": ["Lamp"]})]
    assert checks_of(pairs.assign(metadata=listings)) == ["not_visible", None]
    assert checks_of(pairs.assign(metadata=[None, None])) == [None, None]


def test_nearly_the_same_question_is_kept_once_for_each_image():
    pairs = make_pairs(
        ("a", "What is the colour of the lamps?", "Black"),
        ("a", "What color is the lamp?", "Grey"),
        ("a", "What color is the lamp?", "None"),
        ("b", "What color is the lamp?", "White"),
    ).assign(place=[2, 1, 0, 0])
    assert checks_of(pairs) == ["nearly_repeated_question", None, "none_like", None]


def test_a_nearly_repeated_question_that_is_dropped_does_not_push_out_another():
    # The second is near to both others, which are not near to each other.
    questions = ["Which pattern?", "Which patterned?", "Which patterneds?"]
    pairs = make_pairs(*(("a", question, "Matte") for question in questions)).assign(place=[0, 1, 2])
    assert checks_of(pairs) == [None, "nearly_repeated_question", None]


def test_every_pair_that_is_made_from_the_showrooms_listings_passes():
    rows = []
    for number in range(1500):
        product = random_product(3, number)
        metadata = describe(product)
        for place, pair in enumerate(
            template_pairs(metadata, product.kind, image_id=f"image{number}", seed=1)
        ):
            rows.append(
                (f"image{number}", place, pair.question, pair.answer, pair.difficulty, pair.question_type)
                + ("en_US", json.dumps(metadata))
            )
    columns = [
        "image_id",
        "place",
        "question",
        "answer",
        "difficulty",
        "question_type",
        "language",
        "metadata",
    ]
    pairs = pd.DataFrame(rows, columns=columns)
    checks = check_pairs(clean_pairs(pairs))
    assert len(pairs) > 12_000 and checks.isna().all(), pairs.assign(check=checks).dropna()


texts = st.sampled_from(
    ["What color?", "what color", "What colors?", "Which pattern?", "Which patterned?", "Which patterneds?"]
    + ["Red or blue?", "", "Is it?", "Red", "None", "dark red", ".", "12cm", "Welche der"]
)
rows = st.lists(
    st.tuples(st.sampled_from("ab"), texts, texts, st.sampled_from([None, 0, 4, 5]), st.integers(0, 2)),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_what_is_kept_does_not_depend_on_the_order_of_rows(rows, random):
    columns = ["image_id", "question", "answer", "difficulty", "place"]

    def kept(rows):
        pairs = clean_pairs(pd.DataFrame(rows, columns=columns).astype({"difficulty": "Int8"}))
        checks = check_pairs(pairs)
        assert checks.index.equals(pairs.index)
        assert set(checks.dropna()) <= set(CHECKS)
        left = pairs[checks.isna()]
        assert not left.assign(question=left["question"].map(fold)).duplicated(["image_id", "question"]).any()
        return sorted(left.fillna({"difficulty": -1}).itertuples(index=False, name=None))

    shuffled = random.sample(rows, len(rows))
    assert kept(rows) == kept(shuffled)


@pytest.mark.parametrize(
    ("question", "answer", "language", "check"),
    [
        ("Is it open or closed?", "open", None, None),
        ("Is it open or closed?", "closed", "en_US", None),
        ("Is the bag red, blue or green?", "red", "en_US", None),
        ("Is it a chair or a table?", "table", "en_US", None),
        ("Is the red car new or old?", "red", "en_US", "answer_in_question"),
        ("What color is the red bag?", "red", "en_US", "answer_in_question"),
        ("Is this one of the bags?", "bags", "en_US", "answer_in_question"),
        ("Ist die Tasche offen oder geschlossen?", "offen", "de_DE", None),
        ("Is dit een tas of een hoed?", "hoed", "nl_NL", None),
    ],
)
def test_an_answer_that_a_question_offers_is_no_giveaway(question, answer, language, check):
    pair = {"image_id": "a", "question": question, "answer": answer, "difficulty": None, "language": language}
    found = check_pairs(
        clean_pairs(pd.DataFrame([pair]).astype({"difficulty": "Int8", "language": "str"}))
    ).iloc[0]
    assert (None if pd.isna(found) else found) == check


@pytest.mark.parametrize(
    ("answer", "most", "dropped"),
    [
        ("dark brown", 1, True),
        ("dark brown", 2, False),
        ("very dark brown", 2, True),
        ("red#blue#green", 2, True),
        ("a rather long answer of many words", None, False),
        ("1,250", 1, False),
        ("ステンレス", 1, False),
        ("女の子", 1, False),
        ("はい", 1, False),
        ("赤と白", 1, True),
        ("赤、白", 1, True),
        ("赤です", 1, True),
        ("红色，白色", 1, True),
    ],
)
def test_an_answer_has_at_most_as_many_words_as_it_may(answer, most, dropped):
    pair = {"image_id": "a", "question": "What is it?", "answer": answer, "difficulty": None}
    found = check_pairs(clean_pairs(pd.DataFrame([pair]).astype({"difficulty": "Int8"})), most).iloc[0]
    assert (found == "too_many_words") == dropped and (dropped or pd.isna(found))
