"""The table of a zoo of one model, which answers as a version of the small run does."""

import json
import shutil

import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.report.zoo.tasks import task_section
from vqatune.tables import read_csv, write_csv
from vqatune.zoo.results import TASK_COLUMNS, read_zoo, zoo_table

MEASURED = {
    "kind": "tiny",
    "family": "blip",
    "precision": "float32",
    "quantization": "none",
    "mode": "generate",
    "device": "cpu",
    "wording": "{question}",
    "reason": None,
}


@pytest.fixture
def root(small_run, tmp_path):
    """A finished zoo of the model `own`, with the blind guess."""
    copied = {
        "data/predictions/blind.parquet": "data/predictions/blind.parquet",
        "metrics/intervals/blind.csv": "metrics/intervals/blind.csv",
        "metrics/by/blind.csv": "metrics/by/blind.csv",
        "metrics/tasks/blind.csv": "metrics/tasks/blind.csv",
        "data/predictions/v2.parquet": "zoo/predictions/own.parquet",
        "metrics/tasks/v2.csv": "metrics/zoo/tasks/own.csv",
    }
    for path, place in copied.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(small_run.root / path, tmp_path / place)
    for folder in ("intervals", "by"):
        scores = read_csv(small_run.root / f"metrics/{folder}/v2.csv")
        both = pd.concat([scores.assign(answers=kind) for kind in ("whole", "short")])
        write_csv(both, tmp_path / f"metrics/zoo/{folder}/own.csv")
    (tmp_path / "metrics/zoo/measured").mkdir()
    (tmp_path / "metrics/zoo/measured/own.json").write_text(json.dumps(MEASURED))
    return tmp_path


def test_main_metrics_of_tasks_are_columns_of_the_rows_of_short_answers(root):
    table = zoo_table(read_zoo(root, ["own"])).set_index(["model", "answers"])
    columns = [f"{name}{end}" for name in TASK_COLUMNS for end in ("", "_low", "_high")]
    assert list(table)[-len(columns) - 1 : -1] == columns
    assert table.loc[("own", "whole"), columns].isna().all()
    for version, row in (
        ("metrics/zoo/tasks/own.csv", ("own", "short")),
        ("metrics/tasks/blind.csv", ("blind", "short")),
    ):
        scores = read_csv(root / version)
        whole = scores[scores["slice"].isna()].set_index(["task", "metric"])
        for name, (task, metric) in TASK_COLUMNS.items():
            wanted = whole["score"].get((task, metric), default=float("nan"))
            assert table.loc[row, name] == pytest.approx(wanted, nan_ok=True)
    shown = table.loc[("own", "short")]
    low, high = (shown[f"multi_angle_view_consistency_{end}"] for end in ("low", "high"))
    assert low < shown["multi_angle_view_consistency"] < high


def test_a_zoo_without_tasks_has_neither_their_columns_nor_their_section(root):
    for path in (root / "metrics/tasks/blind.csv", root / "metrics/zoo/tasks/own.csv"):
        write_csv(read_csv(path).iloc[:0], path)
    models = read_zoo(root, ["own"])
    assert not set(TASK_COLUMNS) & set(zoo_table(models)) and task_section(models) is None


def test_one_task_alone_is_read_as_text(root):
    scores = read_csv(root / "metrics/zoo/tasks/own.csv")
    write_csv(scores[scores["task"] == "multi_angle"], root / "metrics/zoo/tasks/own.csv")
    model = read_zoo(root, ["own"])[1]
    assert set(model.tasks["slice"]) == {""} and model.task_score("multi_angle", "exact_match") is not None


@pytest.mark.parametrize("path", ["metrics/zoo/tasks/own.csv", "metrics/tasks/blind.csv"])
def test_scores_of_before_there_were_tasks_are_one_line_that_says_what_to_run(root, path):
    (root / path).unlink()
    with pytest.raises(DataError) as caught:
        read_zoo(root, ["own"])
    assert str(caught.value) == f"{root / path} is missing: run `dvc repro zoo/dvc.yaml`"
