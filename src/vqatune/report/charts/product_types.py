"""How many images product types have, before and after sampling, on a log scale and with the tiers of sampling."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from vqatune.report.charts import palette
from vqatune.report.charts.common import hovering, inline, legend, tooltip
from vqatune.report.charts.counts import Rows

FLOOR = 0.5
"""Where a log scale shows a type without images."""

_FEW_POWERS = 100
"""Below such a range, powers of ten are too few lines."""


def ranked(
    data: Rows, counts: Mapping[str, str], tiers: Rows, hover: Mapping[str, str], *, logarithmic: bool
) -> alt.LayerChart:
    """Return a curve for each count over the rank of the types.

    Args:
        data: a row a type, largest first, with rank (from 1), left and right (see `with_ends`), the counts' fields and those
            of `hover`.
        counts: field → name in the legend.
        tiers: rows of at (a number of images) and text, drawn as levels.
        hover: what hovering shows, as for `tooltip`.
        logarithmic: whether ranks are on a log scale, too.
    """
    scale = alt.Scale(type="log" if logarithmic else "linear", nice=False, domain=[1, max(2, len(data))])
    axis = alt.Axis(grid=False, format=",d", tickMinStep=1, tickCount=8)
    title = "product types by their rank" + (" (log scale)" if logarithmic else "")
    x = alt.X(field="rank", type="quantitative", title=title, scale=scale, axis=axis)
    names = list(counts.values())
    key = legend(wide=3, narrow=1, symbolType="stroke")
    which = {"field": "of", "type": "nominal", "sort": None, "legend": key}
    dashes = list(palette.DASHES[: len(names)])
    lines = (
        alt.Chart(inline(_long(data, counts, ["rank"])))
        .mark_line(interpolate="step", strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y(
                field="count", type="quantitative", title="images", scale=_scale(), axis=_axis(data, counts)
            ),
            color=alt.Color(**which, scale=alt.Scale(domain=names, range=palette.colours(len(names)))),
            strokeDash=alt.StrokeDash(**which, scale=alt.Scale(domain=names, range=dashes)),
        )
    )
    columns = hovering("type", data, "rank", hover)
    return alt.layer(lines, *_levels(tiers, "y"), columns)


def dots(
    data: Rows, category: str, counts: Mapping[str, str], tiers: Rows, hover: Mapping[str, str]
) -> alt.LayerChart:
    """Return a row of points for each type, in the order of the rows, joined where its counts differ.

    Args: as for `ranked`; category is the field of the types' names.
    """
    order, names = [row[category] for row in data], list(counts.values())
    y = alt.Y(
        field=category,
        type="nominal",
        sort=order,
        axis=alt.Axis(title=None, labelLimit=150, ticks=False, domain=False),
    )
    x = alt.X(field="count", type="quantitative", title="images", scale=_scale(), axis=_axis(data, counts))
    low = alt.X(field="count", aggregate="min", type="quantitative", title="images", scale=_scale())
    which = {"field": "of", "type": "nominal", "sort": None, "legend": legend(wide=3, narrow=1)}
    joined = alt.Chart().mark_rule(opacity=0.5).encode(x=low, x2=alt.X2(field="count", aggregate="max"), y=y)
    points = (
        alt.Chart()
        .mark_point(size=60, strokeWidth=2)
        .encode(
            x=x,
            y=y,
            tooltip=tooltip(hover),
            color=alt.Color(**which, scale=alt.Scale(domain=names, range=palette.colours(len(names)))),
            shape=alt.Shape(**which, scale=alt.Scale(domain=names, range=palette.shapes(len(names)))),
        )
    )
    return alt.layer(
        joined, points, *_levels(tiers, "x"), data=inline(_long(data, counts, [category, *hover]))
    )


def _long(data: Rows, counts: Mapping[str, str], kept: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {name: row[name] for name in kept} | {"of": name, "count": max(row[field], FLOOR)}
        for field, name in counts.items()
        for row in data
    ]


def _levels(tiers: Rows, channel: str) -> list[alt.Chart]:
    """Return a rule at each tier's bound, with a label beside a level."""
    if not tiers:
        return []
    base = alt.Chart(inline(tiers))
    rule = base.mark_rule(strokeDash=[4, 3], opacity=0.7).encode(
        tooltip=[alt.Tooltip(field="text", type="nominal", title="tier")]
    )
    if channel == "x":
        return [rule.encode(x=alt.X(field="at", type="quantitative", scale=_scale()))]
    at = alt.Y(field="at", type="quantitative", scale=_scale())
    text = base.mark_text(align="right", baseline="bottom", dy=-2).encode(
        x=alt.value("width"), y=at, text=alt.Text(field="text", type="nominal")
    )
    return [rule.encode(y=at), text]


def _scale() -> alt.Scale:
    return alt.Scale(type="log", nice=False, padding=8)


def _axis(data: Rows, counts: Mapping[str, str]) -> alt.Axis:
    """Return an axis with lines at round numbers alone: not at FLOOR, which stands for none."""
    seen = [max(1, row[field]) for row in data for field in counts]
    steps = (1, 2, 5) if max(seen) < _FEW_POWERS * min(seen) else (1,)
    values = [step * 10**power for power in range(len(str(max(seen)))) for step in steps]
    return alt.Axis(format="~s", values=[*values, 10 ** len(str(max(seen)))])
