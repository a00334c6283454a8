import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chart_tables import tables

from vqatune.report.figures.loss import POINTS, loss_figure
from vqatune.tables import write_csv


def write_log(run: Path, version: str, loss: np.ndarray) -> None:
    steps = np.arange(1, len(loss) + 1)
    log = pd.DataFrame({"step": steps, "loss": loss, "smoothed_loss": np.abs(loss) + 0.1})
    write_csv(log, run / f"models/{version}/log.csv")


def test_losses_stand_one_after_the_other_in_three_views(run, small_run):
    write_log(run, "v1", np.array([3.0, 2.0, 1.0]))
    write_log(run, "v2", np.array([0.9, 0.8]))
    figure = loss_figure(run, small_run.versions)
    assert list(figure.views) == ["Raw", "Log scale", "Smoothed"]
    drawn = {name: tables(spec)[0] for name, spec in figure.views.items()}
    assert [(row["version"], row["place"], row["loss"]) for row in drawn["Raw"]] == [
        ("v1", 1, 3.0), ("v1", 2, 2.0), ("v1", 3, 1.0), ("v2", 4, 0.9), ("v2", 5, 0.8)
    ]  # fmt: skip
    assert [row["loss"] for row in drawn["Smoothed"]][-1] == pytest.approx(0.9)
    scale = figure.views["Log scale"]["layer"][0]["encoding"]["y"]["scale"]
    assert scale["type"] == "log"
    hovered = tables(figure.views["Raw"])[1]
    assert [row["step"] for row in hovered] == [1, 2, 3, 1, 2]
    assert "5 optimizer steps of 2 versions" in figure.alt


def test_the_table_has_the_mean_of_the_first_and_of_the_last_steps(run, small_run):
    # A single mini-batch says little.
    write_log(run, "v1", np.arange(100, 0, -1.0))
    write_log(run, "v2", np.array([4.0, 2.0, *[np.nan] * 20]))
    figure = loss_figure(run, small_run.versions)
    columns = ["version", "steps", "mean loss of its first steps, at most 20", "of its last"]
    assert figure.table.columns.tolist() == columns
    assert figure.table.to_numpy().tolist() == [
        ["v1", "100", "90.500", "10.500"],
        ["v2", "22", "not a number", "not a number"],
    ]
    assert (
        "is 90.500 at the beginning of v1 and 10.500 at its end; at the end of v2 it is not a number"
        in figure.alt
    )


def test_long_losses_are_thinned_but_keep_their_peaks(run, small_run):
    rng = np.random.default_rng(1)
    loss = rng.random(5000) + 1
    loss[[1234, 4321]] = [50.0, 0.001]
    write_log(run, "v1", loss)
    figure = loss_figure(run, small_run.versions)
    drawn = [row for row in tables(figure.views["Raw"])[0] if row["version"] == "v1"]
    assert 200 < len(drawn) <= POINTS and {row["place"] for row in drawn} >= {1, 1235, 4322, 5000}
    assert f"at most {POINTS} steps" in figure.note
    assert all(len(json.dumps(spec)) < 100_000 for spec in figure.views.values())


def test_a_training_that_went_astray_has_the_losses_that_are_numbers(run, small_run):
    loss = np.full(5000, np.nan)
    loss[:100] = np.linspace(3, 1, 100)
    loss[50] = np.inf
    write_log(run, "v1", loss)
    write_log(run, "v2", np.full(5, np.nan))
    views = loss_figure(run, small_run.versions).views
    for view in views.values():
        drawn = tables(view)[0]
        assert {row["version"] for row in drawn} == {"v1"} and len(drawn) > 2
        assert all(np.isfinite(row["loss"]) for row in drawn)
    write_log(run, "v1", np.full(5000, np.nan))
    assert tables(loss_figure(run, small_run.versions).views["Raw"])[0] == []


def test_a_log_scale_leaves_out_a_loss_of_zero(run, small_run):
    write_log(run, "v1", np.array([1.0, 0.0, 0.5]))
    views = loss_figure(run, small_run.versions).views
    assert [row["loss"] for row in tables(views["Log scale"])[0] if row["version"] == "v1"] == [1.0, 0.5]
    assert [row["loss"] for row in tables(views["Raw"])[0] if row["version"] == "v1"] == [1.0, 0.0, 0.5]
