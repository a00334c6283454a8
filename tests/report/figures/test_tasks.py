import shutil

import pandas as pd
import pytest
from chart_tables import tables

from vqatune.errors import DataError
from vqatune.report.figures.tasks import task_section
from vqatune.tables import read_csv, write_csv


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


def _lines(figure) -> dict[str, list[dict]]:
    """The rows of each line of a figure's chart."""
    rows = next(table for table in tables(figure.views["All"]) if "low" in table[0])
    return {
        name: [row for row in rows if row["line"] == name]
        for name in dict.fromkeys(row["line"] for row in rows)
    }


@pytest.fixture
def languages(small_run, tmp_path):
    """Returns the figure of the languages, each version's exact match in them being changed by a function before."""

    def figure(change):
        shutil.copytree(small_run.root / "metrics", tmp_path / "metrics")
        for version in small_run.versions:
            path = tmp_path / f"metrics/tasks/{version}.csv"
            scores = read_csv(path)
            own = (scores["slice"] == "language") & (scores["metric"] == "exact_match")
            change(scores, own & (scores["value"] != "en"), own & (scores["value"] == "es"), version)
            write_csv(scores, path)
        section = task_section(tmp_path, small_run.versions, "v1")
        return next(figure for figure in section.figures if figure.name == "task_multi_language")

    return figure


def test_languages_with_the_same_scores_and_intervals_are_one_line_and_all_in_the_table(languages):
    def change(scores, foreign, spanish, version):
        scores.loc[foreign, ["score", "low", "high"]] = [0.25, 0.125, 0.375]
        scores.loc[spanish, "high"] = 0.5

    figure = languages(change)
    hidden = [code for code in figure.table.columns[1:] if code not in _lines(figure)]
    # Another interval is another line.
    assert hidden and "es" in _lines(figure) and "de" in _lines(figure)
    assert figure.note.endswith(
        f"Equal in all versions (the chart has the first): {', '.join(['de', *hidden])}."
    )
    assert all(f"{code} 0.250" in figure.alt for code in hidden)


def test_languages_in_which_no_version_is_ever_right_are_named(languages):
    def change(scores, foreign, spanish, version):
        # The blind guess is no version.
        scores.loc[foreign, "score"] = 0.1 if version == "blind" else 0.0
        scores.loc[spanish, "score"] = 0.1

    figure = languages(change)
    never = [code for code in figure.table.columns[1:] if code not in ("en", "es")]
    assert never and f"No version has a right answer in {', '.join(never)}." in figure.note


def test_curves_mark_the_leading_version(figures):
    for name in ("multi_language", "multi_angle", "multiple_choice"):
        layers = figures[f"task_{name}"].views["All"]["layer"]
        rules = [layer for layer in layers if layer.get("mark", {}).get("type") == "rule"]
        assert [rule["data"]["values"] for rule in rules] == [[{"number": 0}], [{"number": 1}]]
