import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.generation.checks.cleaning import fold
from vqatune.generation.checks.duplicates import content_words, find_duplicates, nearly_same


def near(one: str, other: str, tag: str | None = "en_US") -> bool:
    asked, again = content_words(fold(one), tag), content_words(fold(other), tag)
    assert nearly_same(asked, again) == nearly_same(again, asked)
    return nearly_same(asked, again)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What color is the lamp?", "What is the colour of the lamps?"),
        ("What color is the lamp", "What is the lamp's color?"),
        ("Which color is the lamp?", "What is the lamp color?"),
        ("What pattern is on the rug?", "What is the pattern on the rug?"),
        ("How many drawers does it have?", "How many drawers does this have?"),
        ("Are laces visible?", "Are the laces visible?"),
        ("Is the strap ruffled?", "Are the straps ruffled?"),
        ("What is the decoration?", "What are the decorations?"),
    ],
)
def test_nearly_the_same_words_are_told(one, other):
    assert near(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is on the left?", "What is on the right?"),
        ("Is the upper part black?", "Is the lower part black?"),
        ("Is the lamp red?", "Is the lamp black?"),
        ("Is it size 4?", "Is it size 5?"),
        ("Is the shape symmetric?", "Is the shape asymmetric?"),
        ("How many drawers are there?", "How many doors are there?"),
        ("What is on the shelf?", "How many are on the shelf?"),
        ("What is on the shelf?", "Where is the shelf?"),
        ("What is on the shelf?", "What is under the shelf?"),
        ("Is the lamp on the table?", "Is the table on the lamp?"),
        ("What is left of the lamp on the table?", "What is left of the table on the lamp?"),
        ("Is there a lamp?", "Is it a lamp?"),
        ("Does it have a lamp?", "Is it a lamp?"),
        ("What is the lamp?", "What is the lamp for?"),
        ("What is the lamp?", "Who is the lamp?"),
        ("Is the lamp black?", "Which lamp is black?"),
        ("Is the toe printed?", "Is the toe pointed?"),
        ("How many tables are shown?", "How many tablets are shown?"),
        ("Is the lamp with a shade?", "Is the lamp without a shade?"),
        ("Pattern?", "Patterned?"),
        ("What color is the shoe?", "What color is the sole?"),
        ("What color is the lamp?", "What color is it?"),
    ],
)
def test_questions_for_different_things_are_not_near(one, other):
    assert not near(one, other)


def test_the_small_words_are_those_of_the_questions_language():
    assert near("Welche Farbe hat die Lampe?", "Welche Farbe hat eine Lampe?", "de_DE")
    assert not near("Was ist die Lampe?", "Ist das die Lampe?", "de_DE")
    assert not near("Welche Farbe hat die Lampe?", "Welche Farbe hat eine Lampe?", "en_US")
    assert not near("C'est sur la table ?", "C'est sous la table ?", "fr_FR")


def test_words_of_other_scripts_are_near_only_where_they_are_equal():
    assert not near("左边的抽屉是什么颜色的呢请问你", "右边的抽屉是什么颜色的呢请问你", "zh_CN")
    assert not near("灯 抽屉是什么颜色的呢请问你", "灯 抽屉是什么颜色的呢请问你们", "zh_CN")
    assert near("灯是什么颜色的？", "灯是什么颜色的", "zh_CN")


WORDS = [
    "cat",
    "cats",
    "cat1",
    "printed",
    "printeds",
    "printted",
    "pointed",
    "parallel",
    "paralel",
    "parallels",
    "2",
    "22",
]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=2), max_size=12))
def test_each_question_is_compared_with_every_one_that_was_kept(questions):
    kept, expected = [], []
    for question in questions:
        words = content_words(" ".join(question), None)
        expected.append(any(nearly_same(words, other) for other in kept))
        if not expected[-1]:
            kept.append(words)
    texts = np.array([" ".join(question) for question in questions], dtype=object)
    pairs = pd.DataFrame(
        {"image_id": "a", "place": range(len(texts)), "question": texts, "language": "en_US"}
    )
    same, near = find_duplicates(pairs, np.arange(len(texts)), texts, np.ones(len(texts), dtype=bool))
    assert not same.any() and near.tolist() == expected
