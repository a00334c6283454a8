"""Two versions by a benchmark task, against its own scores and by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.evaluation.comparison.tasks import compare_task
from vqatune.evaluation.scoring.tasks import Answered, score_tasks
from vqatune.params import Params, TaskName

TASKS = ("category_wise", "multi_angle", "unanswerable", "multi_language", "multiple_choice")


def _answered(seed: int) -> Answered:
    """Answers of one version to 60 general pairs and to tasks about them; the pairs are the same for every seed."""
    random = np.random.default_rng(seed)
    number = np.arange(60)
    pairs = pd.DataFrame(
        {
            "qa_id": [f"q{n:02}" for n in number],
            "image_id": [f"i{n // 2:02}" for n in number],
            "item_id": [f"l{n // 6}" for n in number],
            "group": [f"g{n // 3}" for n in number],
            "answer": np.where(number // 3 % 2, "red", "Blue"),
            "attribute": np.where(number % 2, "color", "shape"),
            "question_type": np.where(number % 2, "color", "shape"),
            "language": np.where(number % 3, "en_US", "de_DE"),
        }
    )

    def answers(of: pd.DataFrame) -> pd.DataFrame:
        return of.assign(
            prediction=random.choice(["red", "blue"], len(of)),
            log_probability=-random.exponential(1, len(of)),
        )

    general = answers(pairs).assign(grounding=random.choice([0, 1, np.nan], 60))
    tasks = [
        answers(pairs.assign(task=task, qa_id=f"{task}-" + pairs["qa_id"], group=pairs["qa_id"]))
        if task == "multiple_choice"
        else answers(pairs.assign(task=task, qa_id=f"{task}-" + pairs["qa_id"]))
        for task in TASKS[1:]
    ]
    return Answered(general, pd.concat(tasks, ignore_index=True))


@pytest.fixture(scope="module")
def params() -> Params:
    values = Params().model_dump()
    return Params.model_validate(values | {"eval": values["eval"] | {"resamples": 200}})


@pytest.mark.parametrize("task", TASKS)
def test_both_sides_are_the_scores_of_the_task(task: TaskName, params):
    first, second = _answered(1), _answered(2)
    table = compare_task(task, first, second, params)
    for answered, side in ((first, "first"), (second, "second")):
        scores = score_tasks(answered, params)
        own = scores[(scores["task"] == task) & (scores["slice"] != "english_beside")]
        # Grounding is compared where both have it.
        own, shown = own[own["metric"] != "grounding"], table[table["metric"] != "grounding"]
        keys = ["slice", "value", "metric"]
        both = shown.merge(own, on=keys, how="outer", validate="one_to_one", suffixes=("", "_of_score"))
        np.testing.assert_allclose(both[side], both["score"])
        assert (both["pairs"] == both["pairs_of_score"]).all()
    np.testing.assert_allclose(table["difference"], table["second"] - table["first"])
    inside = (table["low"] <= table["difference"]) & (table["difference"] <= table["high"])
    assert inside.mean() > 0.9


@pytest.mark.parametrize("task", TASKS)
def test_a_version_beside_itself_has_no_difference_and_no_width(task: TaskName, params):
    table = compare_task(task, _answered(1), _answered(1), params)
    assert len(table) and (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_views_of_a_listing_are_drawn_together(params):
    first, second = _answered(1), _answered(1)
    wrong = first.tasks.assign(prediction="green")
    right = second.tasks.assign(prediction=second.tasks["answer"])
    # One listing alone: no resample of listings differs from another, whatever its images.
    one, other = (
        replace(side, tasks=tasks.assign(item_id="l0"))
        for side, tasks in (
            (first, wrong),
            (
                second,
                right.assign(prediction=wrong["prediction"].where(wrong.index % 2 == 0, right["answer"])),
            ),
        )
    )
    table = compare_task("multi_angle", one, other, params)
    assert (table["low"] == table["high"]).all()


def test_a_pair_without_a_probability_in_one_version_is_left_out_in_both(params):
    first, second = _answered(1), _answered(2)
    second.general.loc[:9, "log_probability"] = np.nan
    table = compare_task("unanswerable", first, second, params).set_index("metric")
    assert table.loc["aurc", "pairs"] == 50 and table.loc["answerable_auroc", "pairs"] == 110
    second.general["log_probability"] = np.nan
    assert "aurc" not in set(compare_task("unanswerable", first, second, params)["metric"])


def test_a_task_without_pairs_is_said(params):
    first = _answered(1)
    empty = replace(first, tasks=first.tasks.iloc[:0])
    for task in TASKS[1:4:2]:
        with pytest.raises(DataError, match=f"no pair of {task}"):
            compare_task(task, empty, empty, params)
