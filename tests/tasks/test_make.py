import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.params import TasksParams
from vqatune.tables import TASKS, read_table, write_table
from vqatune.tasks.make import make_tasks


def test_the_tasks_that_are_wanted_are_made_and_counted(inputs, tmp_path):
    pairs, report = make_tasks(inputs())
    assert set(report) == {"multi_angle", "unanswerable", "multi_language", "multiple_choice"}
    assert pairs["task"].value_counts().to_dict() == {name: each["pairs"] for name, each in report.items()}
    assert pairs["qa_id"].is_unique
    write_table(pairs, tmp_path / "tasks.parquet", TASKS)
    assert len(read_table(tmp_path / "tasks.parquet", TASKS)) == len(pairs)
    one, report = make_tasks(inputs(params=TasksParams(use=["unanswerable"])))
    assert list(report) == ["unanswerable"] and len(one) == report["unanswerable"]["pairs"]


def test_no_task_at_all_is_a_table_without_rows(inputs, tmp_path):
    pairs, report = make_tasks(inputs(params=TasksParams(use=[])))
    write_table(pairs, tmp_path / "tasks.parquet", TASKS)
    assert pairs.empty and report == {}


def test_nothing_that_is_trained_on_is_asked_about(inputs):
    made = inputs()
    pairs, _ = make_tasks(made)
    assert not set(pairs["image_id"]) & {*made.training["image_id"], *made.validation["image_id"]}
    leaking = inputs(training=pd.concat([made.training, made.training.assign(image_id="m1")]))
    with pytest.raises(DataError, match="about pictures of the training or the validation set, such as m1"):
        make_tasks(leaking)


def test_the_order_of_rows_makes_no_difference(inputs):
    made = inputs()
    turned = {
        name: getattr(made, name)[::-1] for name in ("test", "training", "validation", "filtered", "listings")
    }
    pd.testing.assert_frame_equal(make_tasks(made)[0], make_tasks(inputs(**turned))[0])
