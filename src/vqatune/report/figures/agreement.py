"""How alike the versions answer: a heat map of the questions with the same answer, and what came right and went wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqatune.report.charts.common import page_spec, percent, rows
from vqatune.report.charts.counts import CELL, bars, heat_map, shades
from vqatune.report.figures.figure import Figure
from vqatune.report.history import in_chain

_BARS = 34
"""Pixels of a version's two bars."""


def agreement_figure(versions: Sequence[str], texts: np.ndarray, right: np.ndarray) -> Figure | None:
    """Return the figure; None where no version was tuned.

    Args:
        versions: in the order of the chain, the base first; the blind guess may stand before it.
        texts: the answers in plain form, object of shape (pairs, versions).
        right: whether they are the reference, bool of that shape.
    """
    chain = in_chain(versions)
    if len(chain) < 2:
        return None
    places = [versions.index(name) for name in chain]
    same = _same_answer(texts)
    steps = _steps(chain, right[:, places], same[np.ix_(places, places)])
    return Figure(
        "agreement",
        "Do versions answer alike?",
        _alt(steps, chain, right[:, places[1:]]),
        {"Same answer": _heat_map(versions, same, right), "Came right, went wrong": _bars(steps)},
        "A cell is the share of questions to which two versions give the same answer, right or wrong; beside a version is "
        "its exact match. An answer came right, or went wrong, between a version and the one before.",
        _table(steps),
    )


def _same_answer(texts: np.ndarray) -> np.ndarray:
    """Return the share of pairs to which each two versions give the same answer, of shape (versions, versions)."""
    codes = pd.factorize(texts.ravel())[0].reshape(texts.shape)
    return np.stack([(codes == codes[:, [place]]).mean(axis=0) for place in range(codes.shape[1])])


def _steps(chain: Sequence[str], right: np.ndarray, same: np.ndarray) -> pd.DataFrame:
    """Return a row a tuned version: version, same (share), and came_right and went_wrong (pairs), against the one before."""
    before, after = right[:, :-1], right[:, 1:]
    return pd.DataFrame(
        {
            "version": list(chain[1:]),
            "same": np.diagonal(same, offset=1),
            "came_right": (after & ~before).sum(axis=0),
            "went_wrong": (before & ~after).sum(axis=0),
        }
    )


def _heat_map(versions: Sequence[str], same: np.ndarray, right: np.ndarray) -> dict:
    count = len(versions)
    cells = pd.DataFrame(
        {
            "version": np.repeat(list(versions), count),
            "other": np.tile(list(versions), count),
            "same_answer": same.ravel(),
        }
    )
    cells["text"] = [f"{100 * share:.0f}" for share in cells["same_answer"]]
    lowest = float(np.floor(10 * same.min()) / 10)
    chart = heat_map(
        rows(cells),
        "version",
        "other",
        shades("same_answer", lowest, 1),
        "text",
        {"version": "", "other": "", "same_answer": ".1%"},
        title="same answer as, %",
        counts=dict(zip(versions, (f"{share:.3f}" for share in right.mean(axis=0)), strict=True)),
    )
    return page_spec(chart, CELL * count)


def _bars(steps: pd.DataFrame) -> dict:
    long = steps.rename(columns={"came_right": "came right", "went_wrong": "went wrong"}).melt(
        "version", ["came right", "went wrong"], "what", "pairs"
    )
    order = {version: place for place, version in enumerate(steps["version"])}
    long = long.sort_values("version", key=lambda names: names.map(order), kind="stable")
    long["text"] = [f"{pairs:,}" for pairs in long["pairs"]]
    hover = {"version": "", "what": "", "pairs": ","}
    return page_spec(bars(rows(long), "version", "pairs", "text", hover, within="what"), _BARS * len(steps))


def _alt(steps: pd.DataFrame, chain: Sequence[str], right: np.ndarray) -> str:
    least = steps.loc[steps["same"].idxmin()]
    last = steps.iloc[-1]
    places = {name: place for place, name in enumerate(chain)}
    text = (
        f"{last['version']} answers {percent(last['same'])} of the questions as {chain[-2]} does; the largest change is that "
        f"from {chain[places[least['version']] - 1]} to {least['version']} ({percent(least['same'])} alike). Over all steps "
        f"{steps['came_right'].sum():,} answers came right and {steps['went_wrong'].sum():,} went wrong."
    )
    if right.shape[1] == 1:
        return text
    return (
        f"{text} All tuned versions are right on {percent(right.all(axis=1).mean())} of the questions, and none on "
        f"{percent((~right.any(axis=1)).mean())}."
    )


def _table(steps: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "version": steps["version"],
            "same answer as the one before": [percent(share) for share in steps["same"]],
            "came right": steps["came_right"],
            "went wrong": steps["went_wrong"],
        }
    )
