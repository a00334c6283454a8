import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.tasks.multiple_choice import multiple_choice, synonyms


def choices(pairs: pd.DataFrame, question: str) -> list[str]:
    return pairs.set_index("question").loc[question, "choices"]


def test_wrong_answers_are_those_that_training_gives_to_the_same_question(inputs):
    pairs, left_out = multiple_choice(inputs())
    # No yes or number beside a color, and no crimson, a synonym of red.
    assert sorted(choices(pairs, "What color is the mug?")) == ["green", "grey", "red", "white"]
    assert left_out == {"yes_no": 1, "too_few_wrong_answers": 5}


def test_a_question_that_training_hardly_has_gets_answers_to_its_type(inputs):
    pairs, _ = multiple_choice(inputs())
    of_hat = choices(pairs, "What color is the hat?")
    assert {"blue", "black"} < set(of_hat) <= {"blue", "black", "green", "red", "white", "grey", "crimson"}


def test_the_order_of_choices_says_nothing_and_does_not_depend_on_the_rows(inputs):
    made = inputs()
    pairs, _ = multiple_choice(made)
    turned, _ = multiple_choice(inputs(test=made.test[::-1], training=made.training[::-1]))
    pd.testing.assert_frame_equal(pairs, turned)
    orders = {
        tuple(choices(multiple_choice(inputs(seed=seed))[0], "What color is the mug?")) for seed in range(9)
    }
    assert len(orders) > 1


def test_a_pair_is_known_by_the_one_that_it_was_made_from(inputs):
    made = inputs()
    pairs, _ = multiple_choice(made)
    assert set(pairs["group"]) <= set(made.test["qa_id"])
    assert not set(pairs["qa_id"]) & set(made.test["qa_id"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("red", "crimson", True),
        ("sofa", "couch", True),
        ("red", "blue", False),
        ("coffee table", "red", False),
    ],
)
def test_synonyms_are_in_one_synset(one, other, same):
    assert synonyms(one, other) is same


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_has_synonyms_or_none(one, other):
    assert synonyms(one, other) in (True, False)
