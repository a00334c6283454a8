from collections import Counter

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.evaluation.scoring.blind import blind_predictions, guess_blindly
from vqatune.tables import PREDICTIONS, write_table


def _pairs(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["question", "answer", "question_type"])


TRAIN = _pairs(
    ("What color is it?", "red", "color"),
    ("what  color is it? ", "Blue", "color"),
    ("What color is it?", "blue", "color"),
    ("What is its color?", "green", "color"),
    ("What is its color?", "red", "color"),
    ("How many are there?", "two", "count"),
    ("How many are there?", "one", "count"),
    ("What is it?", "blue", None),
)


@pytest.mark.parametrize(
    ("question", "question_type", "guess"),
    [
        # To the same question blue is more frequent than red, which is as frequent in its type.
        ("WHAT COLOR IS IT?", "color", "blue"),
        # Equally frequent: the first in the alphabet.
        ("What is its color?", "count", "green"),
        # No such question: of the question type.
        ("How many legs has it?", "count", "one"),
        # No such type either, or none: of all.
        ("Is it old?", "age", "blue"),
        ("Is it old?", None, "blue"),
    ],
)
def test_the_guess_is_the_most_frequent_answer_to_the_question_else_of_its_type_else_of_all(
    question, question_type, guess
):
    assert list(guess_blindly(TRAIN, _pairs((question, "", question_type)))) == [guess]


questions = st.sampled_from(["a?", "A?", "b?", "c?"])
kinds = st.sampled_from(["x", "y", None])
rows = st.tuples(questions, st.sampled_from(["red", "Red ", "blue", "two"]), kinds)


@given(st.lists(rows, min_size=1, max_size=12), st.lists(rows, min_size=1, max_size=6), st.randoms())
def test_no_other_answer_is_more_frequent_and_no_order_makes_a_difference(train, test, random):
    guesses = guess_blindly(_pairs(*train), _pairs(*test))
    for (question, _, kind), guess in zip(test, guesses, strict=True):
        same = [row for row in train if row[0].lower() == question.lower()]
        same = same or [row for row in train if kind is not None and row[2] == kind] or train
        counts = Counter(answer.lower().strip() for _, answer, _ in same)
        assert guess == min(counts, key=lambda answer: (-counts[answer], answer))
    shuffled = random.sample(train, len(train))
    assert list(guess_blindly(_pairs(*shuffled), _pairs(*test))) == list(guesses)


def test_the_predictions_have_no_probability_and_no_grounding(tmp_path):
    test = _pairs(("What is it?", "", None), ("How many are there?", "", "count")).assign(qa_id=["b", "a"])
    predictions = blind_predictions(TRAIN, test)
    assert list(predictions["qa_id"]) == ["b", "a"] and list(predictions["prediction"]) == ["blue", "one"]
    write_table(predictions, tmp_path / "blind.parquet", PREDICTIONS)
    written = pq.read_table(tmp_path / "blind.parquet")
    assert written["log_probability"].null_count == written["grounding"].null_count == 2


def test_an_empty_training_set_is_an_error_that_says_what_to_run():
    with pytest.raises(DataError, match="the training set has no pair .* run the stages that write it"):
        guess_blindly(TRAIN.head(0), _pairs(("What is it?", "", None)))
