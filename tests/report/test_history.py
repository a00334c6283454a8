import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from rich.console import Console
from warm import RUN

from vqatune.errors import DataError, ParameterError
from vqatune.report.history import (
    FAMILIES,
    Best,
    best_version,
    difficulty_curves,
    loss_history,
    score_curves,
    score_history,
)
from vqatune.report.terminal.history import show_history
from vqatune.tables import write_csv

VERSIONS = ["base", "v1", "v2"]


@pytest.fixture
def metrics(tmp_path):
    for number, version in enumerate(VERSIONS):
        scores = {"exact_match": number / 4, "fuzzy": 0.5, "pairs": 1200, "images": 100}
        (tmp_path / f"{version}.json").write_text(json.dumps(scores))
        _validate(tmp_path, version, exact_match=number % 2 / 4, fuzzy=0.5)
    return tmp_path


def _validate(folder: Path, version: str, pairs: int = 360, **scores: float) -> None:
    """Write a version's scores on the validation set."""
    (folder / "validation").mkdir(exist_ok=True)
    text = json.dumps(scores | {"pairs": pairs, "images": pairs // 10})
    (folder / "validation" / f"{version}.json").write_text(text)


def test_the_history_has_a_row_a_version_in_the_order_of_the_chain(metrics):
    history = score_history(metrics, VERSIONS, "exact_match")
    assert history["version"].tolist() == VERSIONS
    assert history["number"].tolist() == [0, 1, 2]
    assert history["exact_match"].tolist() == [0, 0.25, 0.5]


def test_the_blind_guess_comes_first_and_has_no_number(metrics):
    (metrics / "blind.json").write_text(json.dumps({"exact_match": 0.25, "pairs": 1200}))
    _validate(metrics, "blind", exact_match=0.75)
    history = score_history(metrics, ["blind", *VERSIONS], "exact_match")
    assert history["version"].tolist() == ["blind", *VERSIONS]
    assert history["number"].tolist() == [pd.NA, 0, 1, 2]
    # Scores keep their order, whichever of them the first row has.
    validation = ["validation_exact_match", "validation_pairs"]
    assert list(history.columns) == [
        *("version", "number", "exact_match", "fuzzy", "pairs", "images"),
        *validation,
    ]
    write_csv(history, metrics / "history.csv")
    assert (metrics / "history.csv").read_text().splitlines()[1] == "blind,,0.25,,1200,,0.75,360"
    console = Console(width=100, record=True, file=StringIO())
    show_history(metrics / "history.csv", console)
    shown = console.export_text()
    assert "3 versions and a blind guess on 1,200 test questions" in " ".join(shown.split())


def test_the_best_version_is_chosen_by_validation_whatever_the_test_set_says(metrics):
    # v2 has the highest exact match on the test set, and the blind guess on the validation set.
    (metrics / "blind.json").write_text(json.dumps({"exact_match": 1.0, "pairs": 1200}))
    _validate(metrics, "blind", exact_match=1.0)
    history = score_history(metrics, ["blind", *VERSIONS], "exact_match")
    assert best_version(history) == Best("v1", "exact_match", 0.25, 360)
    write_csv(history, metrics / "history.csv")
    assert best_version(pd.read_csv(metrics / "history.csv")) == best_version(history)
    # Of equal ones the earliest, which had least training.
    assert best_version(score_history(metrics, VERSIONS, "fuzzy")).version == "base"


def test_the_table_has_the_best_version_in_bold_and_says_why(metrics):
    write_csv(score_history(metrics, VERSIONS, "exact_match"), metrics / "history.csv")
    console = Console(width=100, record=True, file=StringIO(), force_terminal=True)
    show_history(metrics / "history.csv", console)
    said = console.export_text(clear=False)
    assert "in bold: v1, the best by validation (exact_match 0.250 on 360 questions)" in said
    bold = [line for line in console.export_text(styles=True).splitlines() if "\x1b[1m0." in line]
    assert len(bold) == 1 and "v1" in bold[0]


def test_without_a_validation_set_no_version_is_chosen(metrics):
    for version in VERSIONS:
        _validate(metrics, version, pairs=0)
    history = score_history(metrics, VERSIONS, "exact_match")
    assert best_version(history) is None
    write_csv(history, metrics / "history.csv")
    console = Console(width=100, record=True, file=StringIO())
    show_history(metrics / "history.csv", console)
    assert "no version is chosen as the best: there is no validation set" in console.export_text()


@pytest.mark.parametrize("metric", ["exact", "grounding", "yes_share"])
def test_a_metric_that_cannot_choose_is_an_error_that_names_those_that_can(metrics, metric):
    _validate(metrics, "v1", exact_match=0.5, yes_share=0.5)
    message = (
        f"eval.best_by: '{metric}' is not a score of v?.* on the validation set: choose from exact_match"
    )
    with pytest.raises(ParameterError, match=message):
        score_history(metrics, VERSIONS, metric)


def test_a_version_without_scores_is_named_with_what_to_run(metrics):
    with pytest.raises(DataError, match="v3.json does not exist: run `dvc repro eval@v3`"):
        score_history(metrics, [*VERSIONS, "v3"], "exact_match")


def test_the_losses_of_the_tuned_versions_stand_under_each_other(tmp_path):
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        write_csv(pd.DataFrame({"step": [1, 2], "loss": [2.0, 1.0]}), tmp_path / version / "log.csv")
    losses = loss_history(tmp_path, VERSIONS)
    assert losses["version"].tolist() == ["v1", "v1", "v2", "v2"]
    assert losses["number"].tolist() == [1, 1, 2, 2]
    with pytest.raises(DataError, match="no training log"):
        loss_history(tmp_path / "nowhere", VERSIONS)
    assert loss_history(tmp_path / "nowhere", ["blind", "base"]).empty


def test_the_table_shows_every_version_with_its_scores(metrics, tmp_path):
    write_csv(score_history(metrics, VERSIONS, "exact_match"), tmp_path / "history.csv")
    console = Console(width=100, record=True, file=StringIO())
    show_history(tmp_path / "history.csv", console)
    shown = console.export_text()
    assert all(version in shown for version in VERSIONS)
    assert "exact" in shown and "match" in shown and "0.250" in shown and "1,200 test" in shown
    with pytest.raises(DataError, match="run `dvc repro`"):
        show_history(tmp_path / "none.csv")


ALL = {
    "exact_match": 0.25,
    "rouge_l": 0.5,
    "fuzzy": 0.51,
    "sbert_cosine": 0.52,
    "bertscore_f1": 0.75,
    "average_mark": 0.53,
    "grounding": 0.54,
    "wups_weighted": 0.55,
}


@pytest.mark.parametrize("width", [30, 60, 80, 100, 120])
def test_the_table_shows_as_many_scores_as_there_is_room_for_and_says_where_the_rest_is(tmp_path, width):
    rows = [
        {"version": version, "number": place, **ALL, "pairs": 10} for place, version in enumerate(VERSIONS)
    ]
    write_csv(pd.DataFrame(rows), tmp_path / "history.csv")
    console = Console(width=width, record=True, file=StringIO())
    show_history(tmp_path / "history.csv", console)
    lines = console.export_text().splitlines()
    table = [line for line in lines if line[0] in "┏┃┡│└"]
    assert max(map(len, table)) <= width and "…" not in "".join(table)
    [row] = [line for line in table if "v2" in line]
    left = len(ALL) - row.count("0.")
    assert (left > 0) == (width < 100) and "0.250" in row
    assert (f"{left} more scores are in" in lines[-1]) == (left > 0)


def test_of_scores_that_are_equal_in_all_versions_the_table_shows_one_and_names_the_others(tmp_path):
    rows = [{"version": name, "number": 0, "pairs": 10} for name in ("v1", "v2")]
    for row, value in zip(rows, (0.25, 0.5), strict=True):
        row |= {"exact_match": value, "bleu1": value, "vqa_accuracy": value, "rouge_l": 0.5, "jaccard": 0.7}
    write_csv(pd.DataFrame(rows), tmp_path / "history.csv")
    show_history(tmp_path / "history.csv", console := Console(width=100, record=True, file=StringIO()))
    lines = console.export_text().splitlines()
    [row] = [line for line in lines if line.startswith("│ v1")]
    assert row.split() == ["│", "v1", "│", "0.250", "│", "0.500", "│"]
    assert "Equal to exact_match here: vqa_accuracy, bleu1." in lines
    # The others of a metric without a rank are not shown, and counted.
    assert lines[-1].startswith("1 more score is in ")


def test_a_score_that_a_version_does_not_have_is_empty_in_the_table(tmp_path):
    rows = [{"version": "v1", "exact_match": 0.5, "pairs": 10}, {"version": "v2", "fuzzy": 0.5, "pairs": 10}]
    write_csv(pd.DataFrame(rows), tmp_path / "history.csv")
    console = Console(width=100, record=True, file=StringIO())
    show_history(tmp_path / "history.csv", console)
    assert "nan" not in console.export_text()


@pytest.fixture
def measured(tmp_path) -> Path:
    """A folder with the metrics and logs of VERSIONS: v2 alone has grounding, none has the WUPS."""
    for place, version in enumerate(VERSIONS):
        values = {
            "exact_match": place / 4,
            "bartscore": -2.5,
            "average_mark": 0.5,
            "fuzzy": 0.5,
            "sbert_cosine": 0.5,
        }
        values |= {"grounding": 0.75} if version == "v2" else {}
        rows = [(name, value, value - 0.1, value + 0.1, 8, None) for name, value in values.items()]
        rows.append(("wups_00", None, None, None, None, "WordNet is not installed here"))
        columns = ["metric", "value", "low", "high", "pairs", "absent"]
        write_csv(pd.DataFrame(rows, columns=columns), tmp_path / f"metrics/intervals/{version}.csv")
        slices = [("difficulty", "0", 6, place / 3), ("difficulty", "5", 2, 0.0), ("tier", "0", 8, place / 4)]
        columns = ["slice", "value", "pairs", "exact_match"]
        write_csv(pd.DataFrame(slices, columns=columns), tmp_path / f"metrics/by/{version}.csv")
        (tmp_path / f"metrics/{version}.json").write_text(json.dumps(values | {"pairs": 8}))
        if version != "base":
            log = pd.DataFrame({"step": [1, 2], "loss": [2.0, 1.0], "smoothed_loss": [2.0, 1.5]})
            write_csv(log, tmp_path / f"models/{version}/log.csv")
    return tmp_path


def test_curves_have_a_row_a_version_and_metric_with_the_interval(measured):
    curves = score_curves(measured / "metrics", VERSIONS, "lexical")
    assert list(curves.columns) == ["version", "number", "metric", "value", "low", "high"]
    assert list(curves["version"]) == VERSIONS and list(curves["number"]) == [0, 1, 2]
    assert set(curves["metric"]) == {"exact_match"} and list(curves["value"]) == [0, 0.25, 0.5]
    assert (curves["low"] < curves["value"]).all() and (curves["value"] < curves["high"]).all()


def test_curves_leave_out_what_is_absent_and_what_has_another_scale(measured):
    curves = {name: score_curves(measured / "metrics", VERSIONS, name) for name in FAMILIES}
    assert set(curves["semantic"]["metric"]) == {"sbert_cosine"}
    assert list(curves["image"]["version"]) == ["v2"] and set(curves["image"]["metric"]) == {"grounding"}
    assert set(curves["difficulty"]["metric"]) == {"average_mark"}
    assert score_curves(measured / "metrics", VERSIONS[:2], "image").empty


def test_curves_by_difficulty_have_its_counts(measured):
    curves = difficulty_curves(measured / "metrics", VERSIONS)
    assert list(curves.columns) == ["version", "number", "difficulty", "exact_match", "pairs"]
    assert list(curves["difficulty"].astype(str)) == ["0", "5"] * 3 and list(curves["pairs"]) == [6, 2] * 3
    assert curves["exact_match"].iloc[4] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("curves", "path"),
    [
        (lambda folder: score_curves(folder, ["base", "v3"], "lexical"), "intervals/v3.csv"),
        (lambda folder: difficulty_curves(folder, ["base", "v3"]), "by/v3.csv"),
    ],
)
def test_curves_without_a_version_s_scores_are_an_error(measured, curves, path):
    with pytest.raises(DataError, match=f"{path} does not exist: run `dvc repro eval@v3`"):
        curves(measured / "metrics")


@pytest.fixture(scope="module")
def plotted(small_run, repository, tmp_path_factory, warm_server):
    """Run the report on a small run and have DVC draw the repository's plots; name → Vega-Lite specification."""
    root = tmp_path_factory.mktemp("plotted") / "run"
    own = tmp_path_factory.mktemp("settings")
    shutil.copytree(small_run.root, root)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
    places = {f"DVC_{name}_DIR": str(own / name) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
    environment = kept | places | {"GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    environment |= warm_server.variables
    values = yaml.safe_load((repository / "params.yaml").read_text())
    for section in ("versions", "predicted", "evaluated"):
        of_run = {name: entry for name, entry in values[section].items() if name in small_run.versions}
        values[section] = of_run
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    shutil.copytree(repository / ".dvc/plots", root / ".dvc/plots")
    shutil.copy(repository / ".dvc/config", root / ".dvc/config")
    plots = yaml.safe_load((repository / "dvc.yaml").read_text())["plots"]
    drawn = [plot for plot in plots if isinstance(plot, dict)]
    (root / "dvc.yaml").write_text(yaml.safe_dump({"plots": drawn}))

    def run(*command: str) -> subprocess.CompletedProcess:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done

    run(sys.executable, str(repository / "stages/report.py"))
    run("git", "init", "--quiet")
    shown = run(*RUN, str(Path(sys.executable).parent / "dvc"), "plots", "show", "--json")
    assert "WARNING" not in shown.stderr and "ERROR" not in shown.stderr
    contents = {name: plot[0]["content"] for name, plot in json.loads(shown.stdout)["data"].items() if plot}
    return {name: json.loads(text) if isinstance(text, str) else text for name, text in contents.items()}


def _encodings(specification: dict) -> list[dict]:
    """Return the encodings of every mark of a specification, with those that its layers share."""
    shared = specification.get("encoding", {})
    return [shared | layer.get("encoding", {}) for layer in specification.get("layer", [specification])]


def test_every_plot_is_filled_with_fields_that_its_data_have(plotted):
    bands = {"lexical", "structural", "average_mark", "image", "skill", "yes_no"}
    assert bands | {"by_difficulty", "loss", "loss_log", "loss_smoothed"} <= set(plotted)
    for name, specification in plotted.items():
        assert "<DVC_METRIC" not in json.dumps(specification)
        rows = specification["data"]["values"]
        for encoding in _encodings(specification):
            used = {part["field"] for part in encoding.values() if isinstance(part, dict) and "field" in part}
            used |= {part["field"] for part in encoding.get("tooltip", ())}
            assert used and all(used <= set(row) for row in rows), name
            assert {"y", "color"} <= set(encoding)
        if name in bands:
            band, across, line = _encodings(specification)
            # The blind guess, which is at no version's place.
            assert across["y"]["field"] == "value" and "x" not in across
            assert {row["number"] for row in rows if row["version"] == "blind"} <= {""}
            assert (band["y"]["field"], band["y2"]["field"], line["y"]["field"]) == ("low", "high", "value")
            assert band["y"]["title"] == line["y"]["title"]


def test_a_plot_of_nothing_is_left_out_without_a_warning(plotted):
    # No version of the small run has a semantic score.
    assert "lexical" in plotted and "semantic" not in plotted
