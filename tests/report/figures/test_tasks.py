import shutil

import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.report.figures.tasks import task_section


@pytest.fixture(scope="module")
def figures(small_run):
    section = task_section(small_run.root, small_run.versions, "v1")
    return {figure.name: figure for figure in section.figures}


def test_every_task_has_its_figure_with_the_scores_of_all_versions(figures, small_run):
    tasks = ("category_wise", "multi_angle", "unanswerable", "knowing", "multi_language", "multiple_choice")
    assert list(figures) == [f"task_{name}" for name in tasks]
    scores = pd.read_csv(small_run.root / "metrics/tasks/v2.csv", keep_default_na=False)
    whole = scores[scores["slice"] == ""].set_index(["task", "metric"])["score"]
    shown = figures["task_multiple_choice"].table.set_index("version")
    assert list(shown.index) == ["blind", "base", "v1", "v2"]
    assert shown.loc["v2", "choice_accuracy"].startswith(
        f"{float(whole['multiple_choice', 'choice_accuracy']):.3f} ("
    )
    assert shown.loc["blind", "grounding"] == "–"


def test_texts_and_tables_speak_of_the_leading_version(figures, small_run):
    scores = pd.read_csv(small_run.root / "metrics/tasks/v1.csv", keep_default_na=False)
    own = scores[(scores["task"] == "category_wise") & (scores["slice"] == "attribute")]
    own = own[own["metric"] == "exact_match"]
    figure = figures["task_category_wise"]
    shown = figure.table.set_index("value")["exact_match"]
    assert {
        name: f"{float(score):.3f}" for name, score in zip(own["value"], own["score"], strict=True)
    } == dict(shown)
    assert "of v1" in figure.note and "v1 is best" in figure.alt
    assert all("; v1 has" in figures[f"task_{name}"].alt for name in ("multi_angle", "multiple_choice"))


def test_languages_stand_side_by_side_english_first(figures):
    columns = list(figures["task_multi_language"].table.columns)
    assert columns[:2] == ["version", "en"] and {"de", "es"} <= set(columns)


def test_what_probabilities_are_worth_is_drawn_for_the_base_and_the_leading_version(figures):
    figure = figures["task_knowing"]
    assert list(figure.views) == ["risk–coverage", "reliability"]
    assert set(figure.table["version"]) == {"base", "v1"}
    assert "diagonal" in figure.note and "risk" in figure.alt.lower()


def test_a_version_without_scores_is_named_with_its_stage(small_run, tmp_path):
    shutil.copytree(small_run.root / "metrics", tmp_path / "metrics")
    (tmp_path / "metrics/tasks/v2.csv").unlink()
    with pytest.raises(DataError, match="v2.csv does not exist: run `dvc repro eval@v2`"):
        task_section(tmp_path, small_run.versions, "v1")
