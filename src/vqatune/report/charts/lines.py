"""Scores over the versions and losses over the steps: the charts that the report page and DVC's plots share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from vqatune.report.charts import palette
from vqatune.report.charts.common import Data, hovering, inline, legend, rows, tooltip, with_ends

_BAND = 0.16
"""The opacity of a band."""
_MARK = 0.45
"""The opacity of the rule at the version that is marked."""
_ACROSS = {"strokeDash": [8, 4]}
"""The dashes of the blind guess's line."""
_IN_CHAIN = "isValid(datum.number)"
"""Whether a row is of a version of the chain, as a Vega expression; the blind guess has no number."""


@dataclass(frozen=True)
class Axes:
    """The fields of the two axes and their titles."""

    x: str
    y: str
    x_title: str | None
    y_title: str | None


def score_lines(
    data: Data,
    axes: Axes,
    group: str,
    names: Sequence[str] | None = None,
    *,
    shown: Sequence[str] | None = None,
    across: Sequence[str] = (),
    versions: Sequence[str] = (),
    band: bool = True,
    zero: bool = False,
    dash: str | None = None,
    hover: Mapping[str, str] | None = None,
) -> alt.LayerChart:
    """Return a chart with a line for each value of a field, points on it, and a band from `low` to `high` below it.

    A row without a number, which is the blind guess, is a line across the chart: dashed, unless dashes tell a field apart.

    Args:
        data: rows with the fields of the axes, of the group and, with a band, low and high.
        axes: x is a version's number, the field `number`.
        group: the field that tells the lines apart, by colour and by the shape of their points.
        names: its values, in the legend's order; a click on one there keeps that line and dims the others. None where
            they are not known yet, as in DVC's plots.
        shown: those of them that this chart has, so that several charts draw a name alike; None for all.
        across: those of them that are lines across the chart alone, and look so in the legend.
        versions: the versions' names, by their numbers, for the axis.
        band: whether there is one.
        zero: whether the scores' axis begins at 0.
        dash: the field that the dashes tell apart; where there is none, they help to tell the lines apart.
        hover: what hovering over a point shows, as for `tooltip`.
    """
    every = alt.Chart(inline(data)) if isinstance(data, str) else alt.Chart()
    base = every.transform_filter(_IN_CHAIN)
    x = alt.X(
        field=axes.x,
        type="quantitative",
        title=axes.x_title,
        axis=_version_axis(versions),
        scale=alt.Scale(nice=False, padding=8),
    )
    channels = _telling_apart(group, names, shown, across, dash)
    layers = []
    chosen = None
    if names is not None:
        chosen = alt.selection_point(name="chosen", fields=[group], bind="legend", toggle="true")
    if band:
        shape = {"color": channels["color"], "detail": alt.Detail(field=dash or group, type="nominal")}
        low = alt.Y(field="low", type="quantitative", title=axes.y_title, scale=alt.Scale(zero=zero))
        area = base.mark_area(opacity=_BAND, line=False).encode(x=x, y=low, y2=alt.Y2(field="high"), **shape)
        layers.append(area.encode(**_dimmed_bands(chosen, len(names or ()))))
    y = alt.Y(field=axes.y, type="quantitative", title=axes.y_title, scale=alt.Scale(zero=zero))
    line = base.mark_line(point=alt.OverlayMarkDef(size=36, filled=True)).encode(
        x=x, y=y, **channels, **_dimmed(chosen, 1, 0.12)
    )
    if hover:
        line = line.encode(tooltip=tooltip(hover))
    across = every.transform_filter(f"!{_IN_CHAIN}").mark_rule(strokeWidth=1.5, **({} if dash else _ACROSS))
    told_apart = {name: channels[name] for name in ("color", *(["strokeDash"] if dash else []))}
    layers.append(across.encode(y=y, **told_apart, **_dimmed(chosen, 1, 0.08)))
    layers.append(line.add_params(chosen) if chosen else line)
    return alt.layer(*layers) if isinstance(data, str) else alt.layer(*layers, data=inline(data))


def with_hover(
    chart: alt.LayerChart, axes: Axes, table: pd.DataFrame, hover: Mapping[str, str], marked: str
) -> alt.LayerChart:
    """Return the chart with each version's values under the pointer, and two versions marked by rules.

    Args:
        chart: of the versions.
        axes: its axes.
        table: a row a version: its name `version`, and the fields of the x axis and of `hover`.
        hover: as for `tooltip`.
        marked: the version with a solid rule; the base, number 0, has a dotted one, marked or not.
    """
    columns = hovering("version", rows(with_ends(table, axes.x)), axes.x, hover)
    return alt.layer(*_rules(axes, table, marked), chart, columns)


def _rules(axes: Axes, table: pd.DataFrame, marked: str) -> list[alt.Chart]:
    """Return the rules that mark the base and a version; the arguments are those of `with_hover`."""
    place = table.loc[(table["version"] == marked) & (table[axes.x] != 0), axes.x]
    x = alt.X(field=axes.x, type="quantitative")
    base = alt.Chart(inline([{axes.x: 0}])).mark_rule(strokeDash=[2, 3]).encode(x=x)
    return [
        base,
        *(alt.Chart(inline([{axes.x: int(at)}])).mark_rule(opacity=_MARK).encode(x=x) for at in place),
    ]


def loss_lines(
    data: Data,
    axes: Axes,
    *,
    versions: Sequence[str] | None = None,
    axis: alt.Axis | None = None,
    logarithmic: bool = False,
    dash: str | None = None,
) -> alt.Chart:
    """Return a chart with a line for each version.

    Args:
        data: rows with the fields of the axes, version and, where versions are not known, number.
        axes: x is a step.
        versions: their names; two colours take turns, for versions that stand one after the other. None where they are
            not known yet and share their steps, as in DVC's plots: an ordered scale of colours tells them apart.
        axis: the steps' axis.
        logarithmic: whether the losses' axis is.
        dash: the field that the dashes tell apart.
    """
    # A power of ten below the lowest loss would be an empty half.
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(zero=False)
    known = {} if axis is None else {"axis": axis, "scale": alt.Scale(nice=False, zero=True)}
    if versions is None:
        colour = alt.Color(
            field="version",
            type="ordinal",
            sort=alt.EncodingSortField(field="number", op="min"),
            scale=alt.Scale(scheme="viridis"),
        )
        mark = alt.MarkDef(type="line", tooltip=alt.TooltipContent(content="data"))
    else:
        pair = (palette.BLUE, palette.VERMILLION)
        turns = alt.Scale(domain=list(versions), range=[pair[place % 2] for place in range(len(versions))])
        colour = alt.Color(field="version", type="nominal", scale=turns, legend=None)
        mark = alt.MarkDef(type="line", strokeWidth=1.3)
    chart = alt.Chart(inline(data), mark=mark).encode(
        x=alt.X(field=axes.x, type="quantitative", title=axes.x_title, **known),
        y=alt.Y(field=axes.y, type="quantitative", title=axes.y_title, scale=scale),
        color=colour,
    )
    return chart.encode(strokeDash=alt.StrokeDash(field=dash, type="nominal")) if dash else chart


def _version_axis(versions: Sequence[str]) -> alt.Axis:
    if not versions:
        return alt.Axis(tickMinStep=1)
    named = f"{json.dumps(list(versions))}[datum.value]"
    return alt.Axis(values=list(range(len(versions))), labelExpr=named, labelOverlap=True, grid=False)


def _telling_apart(
    group: str,
    names: Sequence[str] | None,
    shown: Sequence[str] | None,
    across: Sequence[str],
    dash: str | None,
) -> dict[str, Any]:
    """Return the channels color, shape and strokeDash."""
    field = {"field": group, "type": "nominal", "sort": None}
    if names is None:
        key = alt.Legend(title=group, symbolOpacity=1)
        ranges = {"color": list(palette.COLOURS), "shape": list(palette.SHAPES)}
        scales = {name: alt.Scale(range=values) for name, values in ranges.items()}
    else:
        count, shown = len(names), names if shown is None else shown
        key = legend(values=list(shown)) if len(shown) > 1 else None
        ranges = {"color": palette.colours(count), "shape": palette.shapes(count)}
        if not dash:
            ranges["strokeDash"] = palette.dashes(count)
        for place in (names.index(name) for name in across):
            ranges["shape"][place], ranges["strokeDash"][place] = "stroke", _ACROSS["strokeDash"]
        scales = {name: alt.Scale(domain=list(names), range=values) for name, values in ranges.items()}
    makers = {"color": alt.Color, "shape": alt.Shape, "strokeDash": alt.StrokeDash}
    channels = {name: makers[name](**field, scale=scale, legend=key) for name, scale in scales.items()}
    if dash:
        channels["strokeDash"] = alt.StrokeDash(field=dash, type="nominal")
    return channels


def _dimmed_bands(chosen: alt.Parameter | None, count: int) -> dict[str, Any]:
    if chosen is None:
        return {}
    # Bands that lie on each other would add up to a wall.
    together = alt.when(f"!length(data('{chosen.name}_store'))").then(
        alt.value(min(_BAND, 0.7 / max(1, count)))
    )
    return {"opacity": together.when(chosen).then(alt.value(_BAND)).otherwise(alt.value(0.02))}


def _dimmed(chosen: alt.Parameter | None, shown: float, dimmed: float) -> dict[str, Any]:
    if chosen is None:
        return {}
    return {"opacity": alt.condition(chosen, alt.value(shown), alt.value(dimmed))}
