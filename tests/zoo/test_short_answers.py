import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.zoo.short_answers import short_answer, with_short_answers

CUT = {
    "The color is red.": "red",
    "The color of the bag is dark blue. It has two straps.": "dark blue",
    "It is a red bag.": "red bag",
    "It's a cat!": "cat",
    "They’re red and blue": "red and blue",
    "There are two stars.": "two stars",
    "This appears to be a lamp": "lamp",
    "The shoe is made of leather.": "leather",
    "The answer is 2.": "2",
    "Answer: blue": "blue",
    '"blue"': "blue",
    "Yes, it is.": "Yes",
    "No. It is red.": "No",
    "no - it isn't": "no",
    "\n\nred\nbecause it looks so\n": "red",
    "Red.": "Red",
}
KEPT = [
    "red",
    "a red bag",
    "the left one",
    "no parking sign",
    "No. 5",
    "2.5",
    "approx. 3 cm",
    "It is",
    "...",
    "",
    " ",
]


@pytest.mark.parametrize(("text", "short"), CUT.items())
def test_a_sentence_is_cut_to_what_it_says(text, short):
    assert short_answer(text) == short


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_sentence_stays_as_it_is(text):
    assert short_answer(text) == text


@given(st.text(max_size=40) | st.text(alphabet="aisYyesno The.,!\"' \n-ti", max_size=40))
def test_cutting_again_changes_nothing_and_never_leaves_nothing(text):
    short = short_answer(text)
    assert short_answer(short) == short
    assert bool(short.strip()) == bool(text.strip())


def test_predictions_keep_their_rows_and_other_columns():
    table = pd.DataFrame(
        {"qa_id": ["b", "a", "c"], "prediction": ["It is red.", "two", "It is red."]}, index=[3, 1, 2]
    )
    short = with_short_answers(table)
    assert short["prediction"].to_dict() == {3: "red", 1: "two", 2: "red"}
    assert short["qa_id"].equals(table["qa_id"]) and table["prediction"][3] == "It is red."
    assert with_short_answers(table.iloc[:0]).empty
