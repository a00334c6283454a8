"""Yes/no questions over the versions: how often yes is said, how often it is the reference, and how often answers are right."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.lines import Axes, score_lines, with_hover
from vqatune.report.figures.figure import Figure
from vqatune.report.history import in_chain

_YES, _NO = "yes", "no"
_RIGHT, _SHARE, _NEITHER, _WANTED = (
    "exact match",
    "share of yes",
    "neither yes nor no",
    "yes in the references",
)
_LINES = (_RIGHT, _SHARE, _NEITHER)
_HEIGHT = 280


def yes_no_figure(
    versions: Sequence[str], texts: np.ndarray, references: np.ndarray, right: np.ndarray
) -> Figure | None:
    """Return the figure; None where no reference is yes or no.

    Args:
        versions: in the order of the chain, the base first; the blind guess may stand before it and is not shown.
        texts: the answers in plain form, object of shape (pairs, versions).
        references: in plain form, object of shape (pairs,).
        right: whether the answers are the reference, bool of the answers' shape.
    """
    asked = np.isin(references, (_YES, _NO))
    if not asked.any():
        return None
    chain = in_chain(versions)
    places = [versions.index(name) for name in chain]
    wanted = float((references[asked] == _YES).mean())
    table = pd.DataFrame(
        {
            "version": chain,
            _RIGHT: right[asked][:, places].mean(axis=0),
            _SHARE: (texts[asked][:, places] == _YES).mean(axis=0),
            _NEITHER: (~np.isin(texts[asked][:, places], (_YES, _NO))).mean(axis=0),
        }
    )
    last = table.iloc[-1]
    return Figure(
        "yes_no",
        "Yes/no questions: how often is yes said?",
        f"Of {asked.sum():,} questions whose reference is yes or no, {last['version']} answers yes to {last[_SHARE]:.3f}, and "
        f"yes is right for {wanted:.3f}; its exact match on them is {last[_RIGHT]:.3f}.",
        {"All": _chart(table, wanted)},
        "All lines are of the questions whose reference is yes or no. A version that says yes far more or far less often than the "
        "dashed line, the share of yes among the references, leans to one answer, unless it answers with neither.",
        table.assign(**{name: [f"{value:.3f}" for value in table[name]] for name in _LINES}),
    )


def _chart(table: pd.DataFrame, wanted: float) -> dict:
    numbered = table.assign(number=range(len(table)))
    lines = numbered.melt("number", list(_LINES), "line", "value").astype({"number": "Int64"})
    across = {"number": None, "line": _WANTED, "value": wanted}
    axes = Axes("number", "value", "version", "share of yes/no questions")
    chain = table["version"].tolist()
    chart = score_lines(
        [*rows(lines), *rows(pd.DataFrame([across]))],
        axes,
        "line",
        [*_LINES, _WANTED],
        across=[_WANTED],
        versions=chain,
        band=False,
        zero=True,
    )
    texts = numbered.assign(**{name: [f"{value:.3f}" for value in table[name]] for name in _LINES})
    hover = {name: "" for name in ("version", *_LINES)}
    return page_spec(with_hover(chart, axes, texts, hover), _HEIGHT)
