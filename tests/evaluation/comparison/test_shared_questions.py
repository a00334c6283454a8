"""The questions that several test sets share."""

import pytest

from vqatune.errors import DataError
from vqatune.evaluation.comparison.shared_questions import only_shared, shared_questions


@pytest.fixture
def version(make_version):
    """Predictions for four questions, and their test set."""
    return make_version(*((answer, answer) for answer in ("red", "two", "oak", "round")))


def test_the_same_test_set_in_another_order_is_left_as_it_is(version):
    predictions, test = version
    shared = shared_questions({"": test.pairs, "exp-a": test.pairs.iloc[::-1]})
    assert shared.notes == [] and len(shared.qa_ids) == 4
    same, whole = only_shared(predictions, test, shared)
    assert same is predictions and whole is test


def test_of_different_test_sets_the_questions_stay_that_all_have(version):
    predictions, test = version
    # The same id with another answer is another question.
    changed = test.pairs.assign(answer=["red", "two", "pine", "round"])
    shared = shared_questions({"": test.pairs, "exp-a": test.pairs.iloc[1:], "exp-b": changed})
    assert sorted(shared.qa_ids) == ["qa-001", "qa-003"]
    (line,) = shared.notes
    assert line.endswith("the 2 questions that all have (4 of this checkout, 3 of exp-a, 4 of exp-b)")
    answered, part = only_shared(predictions, test, shared)
    assert answered["qa_id"].tolist() == part.pairs["qa_id"].tolist() == ["qa-001", "qa-003"]
    assert part.training is test.training


def test_test_sets_without_a_common_question_are_an_error(version):
    _, test = version
    elsewhere = test.pairs.assign(image_id="elsewhere")
    with pytest.raises(
        DataError, match=r"exp-a and exp-b were measured .*\(of 4 and 4 pairs, none is the same\)"
    ):
        shared_questions({"exp-a": test.pairs, "exp-b": elsewhere})
