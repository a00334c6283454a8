"""Scores of tasks, by hand."""

import numpy as np
import pandas as pd
import pytest

from vqatune.evaluation.scoring.tasks import COLUMNS, Answered, headline, read_answered, score_tasks
from vqatune.params import Params, TasksParams
from vqatune.tables import PAIRS, PREDICTIONS, TASKS, write_table

VIEWS = [
    # A listing of three views, of which two are answered alike, and wrong.
    ("mug", "g1", "m1", "Red", "blue", -0.1),
    ("mug", "g1", "m2", "Red", "Blue ", -0.2),
    ("mug", "g1", "m3", "Red", "red", -0.1),
    # Two views, two answers: the surer one is taken.
    ("hat", "g2", "h1", "green", "green", -0.1),
    ("hat", "g2", "h2", "green", "grey", -0.9),
    # Two views, one answer.
    ("cup", "g3", "c1", "yes", "yes", -0.5),
    ("cup", "g3", "c2", "yes", "yes", -0.5),
]
LANGUAGES = [
    ("g1", "en_US", "red", "red"),
    ("g1", "de_DE", "rot", "red"),
    ("g2", "en_US", "blue", "green"),
    ("g2", "fr_FR", "bleu", "bleu"),
]
CHOICES = [("q1", "color", "red", "red"), ("q2", "color", "blue", "green"), ("q3", "shape", "round", "round")]


def tasks_table() -> pd.DataFrame:
    rows = [("multi_angle", *row, "object", "color", "en_US") for row in VIEWS]
    rows += [
        ("multi_language", "item", group, f"{group}-picture", answer, said, -1.0, "color", "color", language)
        for group, language, answer, said in LANGUAGES
    ]
    rows += [
        ("multiple_choice", "item", group, f"{group}-picture", answer, said, -1.0, kind, kind, "en_US")
        for group, kind, answer, said in CHOICES
    ]
    rows += [
        (
            "unanswerable",
            f"item{n}",
            f"item{n}",
            f"i{n}",
            "Tidemark",
            "red",
            np.log(0.2),
            "text",
            "brand",
            "en_US",
        )
        for n in range(4)
    ]
    names = ["task", "item_id", "group", "image_id", "answer", "prediction", "log_probability"]
    names += ["question_type", "attribute", "language"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(qa_id=[f"t{number}" for number in range(len(table))])


def general_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "qa_id": ["q1", "q2", "q3", "q4"],
            "image_id": ["a", "a", "b", "b"],
            "answer": ["red", "blue", "round", "oval"],
            "prediction": ["red", "blue", "round", "red"],
            "log_probability": np.log([0.9, 0.8, 0.7, 0.1]),
            "grounding": [1.0, 0.5, None, None],
            "attribute": ["color", "color", "shape", "shape"],
        }
    )


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return score_tasks(Answered(general_table(), tasks_table()), Params())


def value(scores: pd.DataFrame, task: str, metric: str, slice_: str = "", of: str = "") -> float:
    row = scores[
        (scores["task"] == task)
        & (scores["metric"] == metric)
        & (scores["slice"] == slice_)
        & (scores["value"] == of)
    ]
    return float(row["score"].item())


def test_views_of_one_thing_agree_or_not_and_are_pooled(scores):
    assert value(scores, "multi_angle", "exact_match") == pytest.approx(4 / 7)
    # One of three pairs of views, none of one, one of one.
    assert value(scores, "multi_angle", "view_consistency") == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert value(scores, "multi_angle", "pooled_match") == pytest.approx(2 / 3)


def test_languages_stand_beside_english_about_the_same_pictures(scores):
    by_language = {
        code: value(scores, "multi_language", "exact_match", "language", code) for code in ("en", "de", "fr")
    }
    assert by_language == {"en": 0.5, "de": 0.0, "fr": 1.0}
    assert value(scores, "multi_language", "exact_match", "english_beside", "de") == 1.0
    assert value(scores, "multi_language", "exact_match", "english_beside", "fr") == 0.0


def test_choices_have_their_accuracy_and_the_grounding_of_the_pairs_that_they_are_from(scores):
    assert value(scores, "multiple_choice", "choice_accuracy") == pytest.approx(2 / 3)
    assert value(scores, "multiple_choice", "choice_accuracy", "question_type", "color") == 0.5
    assert value(scores, "multiple_choice", "grounding") == 0.75


def test_the_pairs_of_the_test_set_are_scored_by_what_they_ask_for(scores):
    assert value(scores, "category_wise", "recall_complete", "attribute", "shape") == 0.5
    assert value(scores, "category_wise", "bleu1", "attribute", "color") == 1.0


def test_what_cannot_be_seen_is_told_from_what_can(scores):
    # 0.9, 0.8 and 0.7 are above the four answers of 0.2, and 0.1 below.
    assert value(scores, "unanswerable", "answerable_auroc") == pytest.approx(3 / 4)
    assert value(scores, "unanswerable", "aurc") == pytest.approx((0 + 0 + 0 + 1 / 4) / 4)
    assert value(scores, "unanswerable", "accuracy_at_80") == pytest.approx(3 / 3.2)
    assert value(scores, "unanswerable", "exact_match", "attribute", "brand") == 0.0


def test_every_score_lies_in_its_interval_and_has_its_counts(scores):
    assert list(scores.columns) == COLUMNS
    known = scores.dropna(subset="score")
    assert (known["low"] <= known["score"] + 1e-6).all() and (known["score"] <= known["high"] + 1e-6).all()
    assert (known["pairs"] >= known["images"]).mean() > 0.9
    assert headline(scores)["multi_angle"]["pooled_match"] == pytest.approx(2 / 3)


def test_a_blind_guess_has_no_probability_and_no_grounding_and_the_rest_of_the_scores():
    without = {"log_probability": None, "grounding": None}
    blind = score_tasks(
        Answered(general_table().assign(**without), tasks_table().assign(**without)), Params()
    )
    absent = {"answerable_auroc", "aurc", "accuracy_at_80", "ece"}
    assert not absent & set(blind["metric"])
    assert value(blind, "multiple_choice", "choice_accuracy") == pytest.approx(2 / 3)
    assert "grounding" not in headline(blind)["multiple_choice"]


def test_only_the_tasks_that_are_wanted_are_scored():
    params = Params(tasks=TasksParams(use=["multi_angle"]))
    found = score_tasks(Answered(general_table(), tasks_table()), params)
    assert set(found["task"]) == {"multi_angle"}
    none = score_tasks(Answered(general_table(), tasks_table()[:0]), Params())
    assert set(none["task"]) == {"category_wise", "unanswerable", "multiple_choice"}


def test_where_no_task_is_used_there_is_nothing_to_read(tmp_path):
    general = general_table().assign(**{name: "" for name in PAIRS.names if name not in general_table()})
    general["difficulty"] = 1
    write_table(general, tmp_path / "data/test.parquet", PAIRS)
    write_table(general, tmp_path / "data/predictions/v1.parquet", PREDICTIONS)
    empty = general.head(0).assign(group="", choices=None)
    write_table(empty, tmp_path / "data/tasks.parquet", TASKS)
    write_table(empty, tmp_path / "data/predictions/tasks/v1.parquet", PREDICTIONS)
    answered = read_answered(tmp_path, "v1")
    assert answered.tasks.empty and answered.general["prediction"].tolist() == ["red", "blue", "round", "red"]


def test_the_order_of_rows_makes_no_difference(scores):
    turned = score_tasks(Answered(general_table()[::-1], tasks_table()[::-1]), Params())
    pd.testing.assert_frame_equal(turned, scores)
