import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.generation.checks.cleaning import clean_answer, clean_question, fold


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
        ("20″", '20"'),
        ('0.5"', '0.5"'),
        ("7'10\".", "7'10\""),
        ('"20"', "20"),
        ("'4'", "4"),
        ('Queen"', "Queen"),
    ],
)
def test_answers_are_freed_of_what_surrounds_them(raw, clean):
    assert clean_answer(raw) == clean


def test_questions_keep_their_words_and_stops():
    assert clean_question("  What is the\n bed’s  color? ") == "What is the bed's color?"
    assert clean_question('"Is it “new”?"') == 'Is it "new"?'
    assert clean_question('Is "MC VN" left?') == 'Is "MC VN" left?'


@given(st.text(max_size=30) | st.text("0123456789.\"'x () ", max_size=8))
def test_cleaning_twice_changes_nothing(text):
    assert clean_answer(clean_answer(text)) == clean_answer(text)
    assert clean_question(clean_question(text)) == clean_question(text)
    assert fold(fold(text)) == fold(text)
