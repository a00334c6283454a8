"""The page and the tables of a zoo whose models answer as the versions of the small run do."""

import json
import re
from dataclasses import replace
from io import StringIO

import pandas as pd
import pytest
from report_page import charts, until
from rich.console import Console

from vqatune.errors import DataError
from vqatune.report.terminal.zoo import show_zoo
from vqatune.report.zoo.page import write_zoo_page
from vqatune.report.zoo.tasks import task_section
from vqatune.tables import PREDICTIONS, read_csv, read_table, write_csv
from vqatune.zoo.results import ZooModel, zoo_table
from vqatune.zoo.run import ZooRun

RUN = {
    "precision": "float32",
    "quantization": "none",
    "mode": "generate",
    "device": "cpu",
    "wording": "{question}",
    "reason": None,
}
TAKES = {
    "parameters": 1_000_000,
    "weight_bytes": 4_000_000,
    "peak_bytes": 50_000_000,
    "questions": 100,
    "seconds": 2.0,
}
WHY = "<script>document.title = 'taken'</script> & no memory"


@pytest.fixture(scope="module")
def models(small_run) -> list[ZooModel]:
    """The blind guess, three models with answers, and one that cannot run."""
    made = []
    for place, name in enumerate(small_run.versions):
        predictions = read_table(small_run.root / f"data/predictions/{name}.parquet", PREDICTIONS)
        tables = [read_csv(small_run.root / f"metrics/{folder}/{name}.csv") for folder in ("intervals", "by")]
        blind = name == "blind"
        kinds = ["short"] if blind else ["whole", "short"]
        both = [
            pd.concat([table.assign(answers=kind) for kind in kinds], ignore_index=True) for table in tables
        ]
        tasks = read_csv(small_run.root / f"metrics/tasks/{name}.csv").astype(
            {"slice": object, "value": object}
        )
        tasks = tasks.fillna({"slice": "", "value": ""})
        run = None if blind else ZooRun("tiny", ["blip", "llava", "vilt"][place - 1], **RUN, **TAKES)
        ordered = predictions.sort_values("qa_id", ignore_index=True)
        made.append(ZooModel(name, run, ordered, *both, tasks, None if blind else 0.25))
    absent = ZooRun(
        "checkpoint", None, **RUN | {"reason": WHY, "mode": None, "device": None, "wording": None}
    )
    nothing = [
        table.iloc[:0] for table in (made[1].predictions, made[1].intervals, made[1].slices, made[1].tasks)
    ]
    return [*made, ZooModel("large", absent, *nothing, None)]


@pytest.fixture(scope="module")
def path(small_run, models, tmp_path_factory):
    path = tmp_path_factory.mktemp("zoo") / "zoo.html"
    write_zoo_page(small_run.root, models, small_run.params, path)
    return path


def test_the_table_has_both_kinds_of_answers_and_a_row_with_the_reason_of_what_cannot_run(models):
    table = zoo_table(models)
    kinds = [
        ("blind", "short"),
        *((name, kind) for name in ("base", "v1", "v2") for kind in ("whole", "short")),
    ]
    assert list(zip(table["model"], table["answers"], strict=True))[:-1] == kinds
    assert table["reason"].dropna().to_dict() == {7: WHY}
    row = table.set_index(["model", "answers"]).loc[("v2", "short")]
    assert (row["parameters"], row["answers_per_second"], row["cut"]) == (1_000_000, 50.0, 0.25)
    intervals = models[3].intervals.set_index(["answers", "metric"]).loc[("short", "exact_match")]
    assert (row["exact_match"], row["exact_match_low"]) == (intervals["value"], intervals["low"])


def test_each_task_has_a_table_with_a_row_a_model_that_answered_and_intervals(models):
    figures = {figure.name: figure.table.set_index("model") for figure in task_section(models).figures}
    whole = ["task_multi_angle", "task_unanswerable", "task_multiple_choice"]
    assert list(figures) == [*whole, "task_multi_language", "task_category_wise"]
    assert all(list(table.index) == ["blind", "base", "v1", "v2"] for table in figures.values())
    assert list(figures["task_multi_angle"]) == ["exact_match", "pooled_match", "view_consistency"]
    assert list(figures["task_unanswerable"]) == ["answerable_auroc", "accuracy_at_80", "aurc", "ece"]
    found = models[3].tasks.set_index(["task", "slice", "metric"]).loc[("multi_angle", "", "pooled_match")]
    shown = figures["task_multi_angle"].loc["v2", "pooled_match"].replace("\xa0", " ")
    assert shown == f"{found['score']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
    # A guess has no probability, and looks at no picture.
    assert set(figures["task_unanswerable"].loc["blind"]) == {"–"}
    assert figures["task_multiple_choice"].loc["blind", "grounding"] == "–"
    languages = [name.split()[0] for name in figures["task_multi_language"]]
    assert languages[0] == "en" and languages[1:] == sorted(languages[1:]) and "de" in languages


def test_attributes_are_columns_those_with_most_questions_first(models):
    table = task_section(models).figures[-1].table.set_index("model")
    counts = [int(re.search(r"\(([\d,]+)", name)[1].replace(",", "")) for name in table]
    assert len(counts) > 3 and counts == sorted(counts, reverse=True)
    assert sum(counts) == len(models[1].predictions)
    own = models[2].tasks.query("task == 'category_wise' and metric == 'exact_match'").set_index("value")
    first = table.columns[0]
    assert table.loc["v1", first].startswith(f"{own['score'][first.split()[0]]:.3f} (")


def test_the_page_has_no_section_on_tasks_where_none_is_used(small_run, models, path, tmp_path):
    assert '<section id="tasks"' in path.read_text() and '<a href="#tasks">' in path.read_text()
    without = [replace(model, tasks=model.tasks.iloc[:0]) for model in models]
    write_zoo_page(small_run.root, without, small_run.params, tmp_path / "zoo.html")
    assert "#tasks" not in (text := (tmp_path / "zoo.html").read_text()).split("</style>")[1]
    assert '<section id="tasks"' not in text


def test_the_page_shows_scores_costs_charts_and_two_models_compared(page, path, models):
    page.goto(path.as_uri())
    assert page.title() == "vqatune: which model to take"
    assert len(charts(page)) == 3
    tables = page.inner_text("#summary")
    assert all(model.name in tables for model in models) and WHY in tables
    page.select_option("#first-version", "base")
    page.select_option("#second-version", "v2")
    until(page, "document.querySelector('#comparison-sentence').textContent.startsWith('From base to v2')")
    # Of models there is no such command.
    assert "All metrics" in (said := page.inner_text("#comparison-result")) and "vqatune compare" not in said
    page.select_option("#first-version", "v2")
    assert "are the same model" in page.inner_text("#comparison-sentence")


def test_the_page_is_the_same_whenever_it_is_written(small_run, models, path, tmp_path):
    write_zoo_page(small_run.root, models, small_run.params, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()
    assert "<script>document" not in path.read_text()
    found = re.search(r'id="comparison-data">(.*?)</script>', path.read_text(), re.DOTALL)
    assert json.loads(found[1])["versions"] == ["blind", "base", "v1", "v2"]


def test_a_zoo_in_which_nothing_could_run_still_has_a_page(small_run, models, tmp_path):
    write_zoo_page(small_run.root, [models[0], models[-1]], small_run.params, tmp_path / "zoo.html")
    assert "No model could run here" in (tmp_path / "zoo.html").read_text()


def test_answers_to_another_test_set_are_an_error(small_run, models, tmp_path):
    other = replace(models[1], name="other", predictions=models[1].predictions.iloc[1:])
    with pytest.raises(
        DataError, match=r"the answers of other are not to the questions of data/test\.parquet"
    ):
        write_zoo_page(small_run.root, [models[0], other], small_run.params, tmp_path / "zoo.html")


def test_the_terminal_shows_the_best_first_and_why_one_could_not_run(models, tmp_path):
    write_csv(zoo_table(models), tmp_path / "zoo.csv")
    text = StringIO()
    show_zoo(tmp_path / "zoo.csv", Console(file=text, width=120))
    lines = text.getvalue().splitlines()
    order = [line.split()[1] for line in lines if line.startswith("│")]
    assert order[0] == "v2" and set(order) == {"blind", "base", "v1", "v2"}
    assert f"large could not run here: {WHY}" in lines
    assert f"on {len(models[1].predictions)} test questions" in lines[0]
    with pytest.raises(DataError, match=r"run `make zoo`"):
        show_zoo(tmp_path / "none.csv")


def test_the_terminal_shows_the_main_metrics_of_tasks_where_tasks_were_used(models, tmp_path):
    write_csv(zoo_table(models), tmp_path / "zoo.csv")
    text = StringIO()
    show_zoo(tmp_path / "zoo.csv", Console(file=text, width=120))
    scores, tasks = text.getvalue().split("benchmark tasks")
    rows = [re.split(r"\s*│\s*", line)[1:-1] for line in tasks.splitlines() if line.startswith("│")]
    assert [row[0] for row in rows] == ["v2", "v1", "blind", "base"]
    wanted = [models[3].task_score("multi_angle", name)["score"] for name in ("exact_match", "pooled_match")]
    assert rows[0][1:3] == [f"{score:.3f}" for score in wanted]
    assert len(rows[0]) == 10 and rows[2][4:8] == [""] * 4
    write_csv(zoo_table([replace(each, tasks=each.tasks.iloc[:0]) for each in models]), tmp_path / "zoo.csv")
    show_zoo(tmp_path / "zoo.csv", Console(file=(without := StringIO()), width=120))
    assert "tasks" not in without.getvalue() and without.getvalue().startswith(scores.rstrip())
