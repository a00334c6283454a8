import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation import score
from vqatune.evaluation.metrics.answer_kinds import answer_kind
from vqatune.params import EvalParams


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        *((answer, "yes/no") for answer in ("yes", "No", " YES ")),
        *((answer, "number") for answer in ("2", "two", "Twelve", "1,000", "0.5", "10%", "twenty five")),
        *((answer, "other") for answer in ("red", "none", "", "2 chairs", "yes sir", "one-piece", "?")),
    ],
)
def test_an_answer_is_of_a_kind(answer, kind):
    assert answer_kind(answer) == kind


answers = st.sampled_from(["yes", "no", "maybe", "red"])


@settings(max_examples=25)
@given(st.lists(st.tuples(answers, answers), min_size=1, max_size=12))
def test_precision_recall_and_f1_are_those_of_counting(rows):
    frame = pd.DataFrame([("yes", "yes"), *rows], columns=["prediction", "references"])
    names = ["yes_no_precision", "yes_no_recall", "yes_no_f1", "yes_share"]
    found = score(frame, names, params=EvalParams(resamples=2)).totals.set_index("metric")["value"]
    asked = frame[frame["references"].isin(["yes", "no"])]
    hits = ((asked == "yes").all(axis=1)).sum()
    precision = hits / (asked["prediction"] != "no").sum()
    recall = hits / (asked["references"] == "yes").sum()
    assert found["yes_no_precision"] == pytest.approx(precision)
    assert found["yes_no_recall"] == pytest.approx(recall)
    assert found["yes_no_f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert found["yes_share"] == pytest.approx((asked["prediction"] == "yes").mean())


def test_the_scores_of_yes_no_questions_are_absent_where_there_are_none():
    absent = score(
        pd.DataFrame({"prediction": ["yes"], "references": ["red"]}),
        params=EvalParams(resamples=2, bertscore={"model": None}, sbert={"model": None}),
    ).absent
    assert absent["yes_no_f1"] == absent["yes_share"] == "no reference is yes or no"
