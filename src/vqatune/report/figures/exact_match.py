"""The report's first chart: exact match over the versions with its 95 % band; base and the blind guess as lines across."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt
import pandas as pd

from vqatune.evaluation.metrics import METRICS
from vqatune.params.versions import BASE, BLIND
from vqatune.report.charts import palette
from vqatune.report.charts.common import hovering, inline, page_spec, rows, with_ends
from vqatune.report.charts.lines import Axes, score_lines
from vqatune.report.figures.figure import Figure, Section
from vqatune.report.figures.scores import with_interval
from vqatune.report.history import VALIDATION, in_chain, score_curves

_METRIC = "exact_match"
_LINES = ("versions", BASE, BLIND)
_HEIGHT = 300
_FROM_LINE = 9
"""Pixels from a line to the middle of its text."""
_RING = 220
"""The area of the ring around a version's point, in square pixels."""
_ABOVE = 11
"""Pixels from the top of the chart to the middle of that version's score above it, where no line can lie."""


def exact_match_section(
    root: Path, versions: Sequence[str], history: pd.DataFrame, leading: str
) -> Section | None:
    """Return the section with the chart; None where the versions have no exact match.

    It reads metrics/intervals. Raises DataError where a version has no scores yet.

    Args:
        root: a checkout.
        versions: in the order of the chain, the base first; the blind guess may stand before it.
        history: what `score_history` returns.
        leading: the version that the chart marks and of which texts speak.
    """
    curves = score_curves(root / "metrics", versions, METRICS[_METRIC].family)
    curves = curves[curves["metric"] == _METRIC].drop(columns="metric").reset_index(drop=True)
    if not set(in_chain(versions)) <= set(curves["version"]):
        return None
    values = curves.set_index("version")["value"]
    across = {name: float(values[name]) for name in (BASE, BLIND) if name in values}
    chain = in_chain(versions)
    said = ", ".join(f"{name} {value:.3f}" for name, value in across.items())
    alt_text = (
        f"Exact match of {len(chain)} versions with 95\u00a0% intervals: {leading} has {values[leading]:.3f}; lines across: "
        f"{said}."
    )
    blind = " and the blind guess, the most frequent training answer to a question" if BLIND in across else ""
    text = (
        "The share of test questions that are answered exactly as the reference is; the band is its 95\u00a0% interval. For "
        f"comparison, lines across mark the base model{blind}."
    )
    validation = _validation(history, chain)
    if len(validation) > 1:
        of_leading = validation.loc[validation["version"] == leading, "value"]
        alt_text += "".join(f" On the validation set {leading} has {value:.3f}." for value in of_leading)
        text += " The dotted line is exact match on the validation set, by which a version is chosen."
    if leading != BASE:
        text += f" A ring marks {leading}."
    figure = Figure(
        "exact_match",
        "Exact match, version by version",
        alt_text,
        {"All": _chart(curves, chain, across, leading, validation)},
        table=_table(curves, history),
    )
    return Section("overall", "Exact match over the versions", text, [figure])


def _validation(history: pd.DataFrame, chain: Sequence[str]) -> pd.DataFrame:
    """Return version, number and value of exact match on the validation set; no row where versions are not chosen by that."""
    column = VALIDATION + _METRIC
    if column not in history:
        return pd.DataFrame(columns=["version", "number", "value"])
    scores = history[history["version"].isin(chain)].dropna(subset=column)
    return scores.rename(columns={column: "value"})[["version", "number", "value"]]


def _chart(
    curves: pd.DataFrame,
    chain: Sequence[str],
    across: dict[str, float],
    leading: str,
    validation: pd.DataFrame,
) -> dict:
    of_chain = curves[curves["version"].isin(chain)].assign(line=_LINES[0])
    lines = pd.DataFrame({"line": across.keys(), "value": across.values()})
    axes = Axes("number", "value", "version", "exact match")
    data = [*rows(of_chain[["number", "line", "value", "low", "high"]]), *rows(lines)]
    # The texts at the lines tell what a legend would.
    chart = score_lines(data, axes, "line", _LINES, shown=_LINES[:1], versions=chain, zero=True)
    texts = of_chain.assign(exact_match=with_interval(of_chain))[["version", "number", "exact_match"]]
    columns = hovering("version", rows(with_ends(texts, axes.x)), axes.x, {"version": "", "exact_match": ""})
    return page_spec(
        alt.layer(_dotted(validation), chart, *_line_texts(across), *_ring(of_chain, leading), columns),
        _HEIGHT,
    )


def _table(curves: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Return exact match on the test set beside the score on the validation set, by which versions are chosen, and skill."""
    table = pd.DataFrame({"version": curves["version"], "exact match": with_interval(curves)})
    scores = history.set_index("version")
    others = {VALIDATION + name: f"validation: {name.replace('_', ' ')}" for name in METRICS} | {
        "skill": "skill"
    }
    for column, title in others.items():
        if column in scores and scores[column].notna().any():
            values = table["version"].map(scores[column])
            table[title] = ["–" if pd.isna(value) else f"{value:.3f}" for value in values]
    return table


def _dotted(curve: pd.DataFrame) -> alt.Chart:
    mark = alt.MarkDef(type="line", strokeDash=[2, 3], strokeWidth=1.5, color=palette.BLUE)
    return alt.Chart(inline(rows(curve[["number", "value"]])), mark=mark).encode(
        x=alt.X(field="number", type="quantitative"), y=alt.Y(field="value", type="quantitative")
    )


def _ring(curves: pd.DataFrame, version: str) -> list[alt.LayerChart]:
    """Return a ring around a version's point, with its score above the chart; nothing for the base, whose line has its own."""
    if version == BASE:
        return []
    own = curves.loc[curves["version"] == version, ["number", "value"]]
    data = rows(own.assign(text=[f"{version} {value:.3f}" for value in own["value"]]))
    base = alt.Chart().encode(x=alt.X(field="number", type="quantitative"))
    ring = base.mark_point(shape="circle", size=_RING, filled=False, color=palette.BLUE, opacity=1)
    ring = ring.encode(y=alt.Y(field="value", type="quantitative"))
    # Centred above the last point it would leave the chart.
    align = "right" if own["number"].max() == curves["number"].max() else "center"
    text = base.mark_text(fontSize=12, align=align, baseline="middle")
    text = text.encode(y=alt.YValue(-_ABOVE), text=alt.Text(field="text", type="nominal"))
    return [alt.layer(ring, text, data=inline(data))]


def _line_texts(across: dict[str, float]) -> list[alt.Chart]:
    """Return the names of the lines at their right ends: that of the upper line above it, the other's below."""
    highest = max(across, key=lambda name: across[name])
    names = {BASE: "base model", BLIND: "blind guess"}
    return [
        alt.Chart(inline([{"value": value, "text": f"{names[name]} {value:.3f}"}]))
        .mark_text(
            align="right", baseline="middle", fontSize=12, dy=-_FROM_LINE if name == highest else _FROM_LINE
        )
        .encode(
            x=alt.XValue("width"),
            y=alt.Y(field="value", type="quantitative"),
            text=alt.Text(field="text", type="nominal"),
        )
        for name, value in across.items()
    ]
