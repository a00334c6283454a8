import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.questions.checks import (
    CHECKS,
    QUESTION_TYPES,
    check_pairs,
    clean_answer,
    clean_pairs,
    clean_question,
    fold,
    question_type_of,
)


def make_pairs(*rows: tuple) -> pd.DataFrame:
    """Rows of image_id, question, answer[, difficulty]."""
    frame = pd.DataFrame(
        [(*row, None)[:4] for row in rows], columns=["image_id", "question", "answer", "difficulty"]
    )
    return frame.astype({"difficulty": "Int8"})


def checks_of(pairs: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(name) else name for name in check_pairs(clean_pairs(pairs))]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Black. ", "Black"),
        ("“Black”", "Black"),
        ("'red'", "red"),
        ("*Blue*", "Blue"),
        ("#green#", "green"),
        ("(oval)", "oval"),
        ("B(M)", "B(M)"),
        ("Men’s", "Men's"),
        ("slip‑on", "slip-on"),
        (".925", ".925"),
        ("2.5", "2.5"),
        ("U.S.A.", "U.S.A"),
        ("\ufeffmatte\n", "matte"),
        ("dark   brown", "dark brown"),
        ("pave\u0301", "pavé"),
        ("…", "…"),
        ("", ""),
        ('"', ""),
        ("100%", "100%"),
    ],
)
def test_answers_are_freed_of_what_surrounds_them(raw, clean):
    assert clean_answer(raw) == clean


def test_questions_keep_their_words_and_stops():
    assert clean_question("  What is the\n bed’s  color? ") == "What is the bed's color?"
    assert clean_question('"Is it “new”?"') == 'Is it "new"?'
    assert clean_question('Is "MC VN" left?') == 'Is "MC VN" left?'


@given(st.text(max_size=30))
def test_cleaning_twice_changes_nothing(text):
    assert clean_answer(clean_answer(text)) == clean_answer(text)
    assert clean_question(clean_question(text)) == clean_question(text)
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("question", "answer", "check"),
    [
        ("What color is it?", "Black", None),
        ("How many?", "Twenty-five", None),
        ("What size?", "1,000", None),
        ("What size?", "5/8", None),
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
        ("What color is it?", "dark brown", "not_one_word"),
        ("What color is it?", "red#blue", "not_one_word"),
        ("What color is it?", "red,blue", "not_one_word"),
        ("What color is it?", "Cotton/poly", "not_one_word"),
        ("What is shown?", "can_opener", "not_one_word"),
        ("Is it open or closed?", "Open", "answer_in_question"),
        ("Is it a slip-on shoe?", "Slip-On", "answer_in_question"),
        ("What color are the shoes?", "Shoe", None),
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


texts = st.sampled_from(
    ["What color?", "what color", "Red or blue?", "", "Is it?", "Red", "None", "dark red", "."]
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
    ("question", "kind"),
    [
        ("How many color variations are shown?", "count"),
        ("What color is the round lid?", "color"),
        ("What is the stone's color?", "color"),
        ("What colour is it", "color"),
        ("What shape is the color swatch?", "shape"),
        ("Is the charger rectangular?", "shape"),
        ("What is the pattern on the mat?", "pattern"),
        ("What is the base made of?", "material"),
        ("What type of metal is the ring", "material"),
        ("Considering the color, what single word describes the texture", "material"),
        ("Where is the logo?", "position"),
        ("What is above the bed?", "position"),
        ("How tall is the lamp?", "size"),
        ("What is it used for?", "function"),
        ("What is the style of the chair", "style"),
        ("What brand is printed?", "text"),
        ("What type of shoe is this?", "object"),
        ("What secures the shoe?", "function"),
        ("Is there a buckle?", "object"),
        ("Is it locked?", "other"),
        ("", "other"),
    ],
)
def test_the_words_of_a_question_tell_its_type(question, kind):
    assert question_type_of(question) == kind


@given(st.text(max_size=40))
def test_every_question_has_a_known_type(question):
    assert question_type_of(question) in QUESTION_TYPES
