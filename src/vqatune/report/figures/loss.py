"""The loss within each version: as it was, on a log scale, and smoothed, the versions one after the other."""

import json
from collections.abc import Sequence
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

from vqatune.report.charts.common import hovering, page_spec, rows, with_ends
from vqatune.report.charts.lines import Axes, loss_lines
from vqatune.report.figures.figure import Figure
from vqatune.report.history import loss_history

POINTS = 300
"""A version has at most so many points."""

_VIEWS = {"Raw": ("loss", False), "Log scale": ("loss", True), "Smoothed": ("smoothed_loss", False)}
_HEIGHT = 320
_MEAN = 20
"""Over so many steps the mean loss is taken, at both ends of a version."""


def loss_figure(root: Path, versions: Sequence[str]) -> Figure:
    """Return the figure of the losses, of models/<version>/log.csv; raises DataError where no version was tuned."""
    history = loss_history(root / "models", versions)
    tuned = list(dict.fromkeys(history["version"]))
    length = history.groupby("version", sort=False)["step"].max()
    before = (length.cumsum() - length).to_dict()
    history["place"] = history["step"] + history["version"].map(before)
    thinned = pd.concat(
        [_thinned(log) for _, log in history.groupby("version", sort=False)], ignore_index=True
    )
    starts = {int(before[version]): version for version in tuned}
    views = {title: _chart(thinned, field, log, tuned, starts) for title, (field, log) in _VIEWS.items()}
    logs = history.groupby("version", sort=False)
    # Of steps of which one is not a number, neither is the mean.
    ends = logs.agg(
        steps=("step", "max"),
        first=("loss", lambda loss: loss.head(_MEAN).mean(skipna=False)),
        last=("loss", lambda loss: loss.tail(_MEAN).mean(skipna=False)),
    )
    texts = ends[["first", "last"]].map(lambda mean: f"{mean:.3f}" if np.isfinite(mean) else "not a number")
    first, last = texts.loc[tuned[0]], texts.loc[tuned[-1]]
    alt_text = (
        f"The loss over {len(history):,} optimizer steps of {len(tuned)} version{'s' * (len(tuned) > 1)}. Its mean "
        f"over at most {_MEAN} steps is {first['first']} at the beginning of {tuned[0]} and {first['last']} at its end; at the "
        f"end of {tuned[-1]} it is {last['last']}."
    )
    note = (
        "Versions stand one after the other, each from its name on, and take turns in colour. In the smoothed view a version "
        "begins at the loss of its first step, which is that of a single mini-batch."
    )
    if len(thinned) < len(history):
        note += f" Of each version at most {POINTS} steps are drawn: the lowest and the highest loss of every stretch."
    texts.insert(0, "steps", [f"{steps:,.0f}" for steps in ends["steps"]])
    names = {"first": f"mean loss of its first steps, at most {_MEAN}", "last": "of its last"}
    return Figure(
        "loss", "Loss within each version", alt_text, views, note, texts.rename(columns=names).reset_index()
    )


def _thinned(log: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS rows of a version's log: of every stretch of steps those of least and of most loss."""
    if len(log) <= POINTS:
        return log
    log = log.reset_index(drop=True)
    # A loss that is NaN, of a training that diverged, is neither low nor high.
    finite = log.loc[np.isfinite(log["loss"]), "loss"]
    losses = finite.groupby(finite.index * (POINTS // 2 - 1) // len(log))
    kept = {0, len(log) - 1, *losses.idxmin(), *losses.idxmax()}
    return log.loc[sorted(kept)]


def _chart(
    history: pd.DataFrame, field: str, logarithmic: bool, versions: Sequence[str], starts: dict[int, str]
) -> dict:
    shown = history[["version", "step", "place", field]].rename(columns={field: "loss"})
    # A log scale has no zero.
    shown = shown[np.isfinite(shown["loss"]) & ((shown["loss"] > 0) | (not logarithmic))]
    data = rows(shown[["version", "place", "loss"]])
    title = "smoothed loss" if field == "smoothed_loss" else "loss"
    axes = Axes("place", "loss", "optimizer steps", title)
    named = f"{json.dumps({str(start): version for start, version in starts.items()})}[datum.value]"
    axis = alt.Axis(values=list(starts), labelExpr=named, labelAlign="left", labelOverlap="greedy", grid=True)
    axis.gridDash = [2, 3]
    lines = loss_lines(data, axes, versions=versions, axis=axis, logarithmic=logarithmic)
    columns = hovering(
        "step", rows(with_ends(shown, "place")), "place", {"version": "", "step": ",", "loss": ".4g"}
    )
    return page_spec(alt.layer(lines, columns), _HEIGHT)
