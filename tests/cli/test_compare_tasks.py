"""`vqatune compare A B --task NAME`, as its users run it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqatune import tables


@pytest.fixture
def checkout(tmp_path, repository) -> Path:
    """A folder with the parameters, a test set, multiple-choice questions and questions in two languages; v1 is right about every
    second one, v2 about all."""
    shutil.copy(repository / "params.yaml", tmp_path)
    test = pd.DataFrame(index=range(40), columns=tables.PAIRS.names, dtype="object")
    number = np.arange(40)
    test = test.assign(
        qa_id=[f"q{n:02}" for n in number],
        image_id=[f"i{n // 2:02}" for n in number],
        answer="red",
        question_type=np.where(number < 20, "color", "[shape]"),
        language=np.where(number < 20, "en_US", "de_DE"),
    ).astype({"difficulty": "Int8"})
    tables.write_table(test, tmp_path / "data/test.parquet", tables.PAIRS)
    choices = test.assign(group=test["qa_id"], choices=[["red", "blue", "green", "grey"]] * 40)
    tasks = pd.concat(
        [
            choices.assign(task=task, qa_id=task + test["qa_id"])
            for task in ("multiple_choice", "multi_language")
        ]
    )
    tables.write_table(tasks, tmp_path / "data/tasks.parquet", tables.TASKS)
    for version, step in (("v1", 2), ("v2", 1)):
        for folder, pairs in (("", test), ("tasks/", tasks)):
            right = np.arange(len(pairs)) % step == 0
            said = pd.DataFrame({"qa_id": pairs["qa_id"], "prediction": np.where(right, "Red", "blue")})
            said = said.assign(log_probability=-1.0, grounding=np.nan)
            tables.write_table(
                said, tmp_path / f"data/predictions/{folder}{version}.parquet", tables.PREDICTIONS
            )
    return tmp_path


def test_two_versions_are_compared_by_a_task(vqatune, checkout):
    done = vqatune("compare", "v1", "v2", "--task", "multiple_choice")
    assert done.status == 0 and done.err == ""
    lines = [line for line in done.out.splitlines() if "choice_accuracy" in line]
    assert len(lines) == 3 and "[shape]" in done.out and "v2 − v1" in done.out
    for line in lines:
        assert "0.5000" in line and "1.0000" in line and "+0.5000 … +0.5000" in line
    found = vqatune("compare", "v1", "v2", "--task", "multi_language", "--json").json
    assert (found["first"], found["second"], found["task"]) == ("v1", "v2", "multi_language")
    exact = [row for row in found["metrics"] if row["metric"] == "exact_match"]
    assert [(row["value"], row["pairs"], row["difference"]) for row in exact] == [
        ("", 40, 0.5),
        ("de", 20, 0.5),
        ("en", 20, 0.5),
    ]
    shown = vqatune("compare", "v1", "v2", "--task", "multi_language").out
    assert shown.count("exact_match") == 3 and shown.count("bleu1") == 1
    only = vqatune("compare", "v1", "v2", "--task", "multi_language", "--metric", "bleu1", "--json").json
    assert {row["metric"] for row in only["metrics"]} == {"bleu1"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("v1", "v2", "--validation"), "--validation does not go with --task"),
        (("v1", "v2", "--by", "tier"), "--by does not go with --task"),
        (("v1", "v2", "--markdown"), "--markdown does not go with --task"),
        (("v1", "v2", "--on", "id"), "--on does not go with --task"),
        (("v1", "v2", "v3"), "two versions; these are 3"),
        (("v1", "HEAD:v2"), "HEAD:v2 is none"),
        (("a.csv", "b.csv"), "a.csv is none"),
        (("v1", "v3"), "data/predictions/v3.parquet does not exist"),
        (("v1", "v2", "--metric", "moon"), "multiple_choice has no metric 'moon': it has choice_accuracy"),
    ],
)
def test_what_does_not_go_with_a_task_is_one_line(vqatune, checkout, arguments, said):
    assert said in vqatune("compare", *arguments, "--task", "multiple_choice").error


def test_a_task_that_is_not_used_or_not_made_is_one_line(vqatune, checkout):
    assert "no pair of multi_angle" in vqatune("compare", "v1", "v2", "--task", "multi_angle").error
    path = checkout / "params.yaml"
    path.write_text(path.read_text().replace("- multi_angle\n", "", 1).replace("multi_angle, ", "", 1))
    assert "multi_angle is not in tasks.use" in vqatune("compare", "v1", "v2", "--task", "multi_angle").error
