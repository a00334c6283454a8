"""Scores against what they cost: a point a model, with its interval and its name."""

from collections.abc import Mapping, Sequence

import altair as alt

from vqatune.report.charts import palette
from vqatune.report.charts.common import Data, inline, legend, tooltip

_ACROSS = [8, 4]


def score_points(
    data: Data, x_title: str, y_title: str, names: Sequence[str], hover: Mapping[str, str]
) -> alt.LayerChart:
    """Return a chart of points, a rule over each one's interval, a hollow point for its other score, and rules across.

    Args:
        data: rows with name, group, x (a positive number, or None: a rule across at the value, dashed), value, low, high and
            other (None where there is none).
        x_title: of the axis of x, which is logarithmic.
        y_title: of the axis of scores.
        names: the groups, in the legend's order, told apart by colour and shape.
        hover: what hovering over a point shows, as for `tooltip`.
    """
    every = alt.Chart()
    points = every.transform_filter("isValid(datum.x) && datum.x > 0")
    x = alt.X(
        field="x", type="quantitative", title=x_title, scale=alt.Scale(type="log", nice=False, padding=36)
    )
    y = alt.Y(field="value", type="quantitative", title=y_title, scale=alt.Scale(zero=False))
    colour = alt.Color(
        field="group",
        type="nominal",
        sort=None,
        scale=alt.Scale(domain=list(names), range=palette.colours(len(names))),
        legend=legend(),
    )
    shape = alt.Shape(
        field="group",
        type="nominal",
        sort=None,
        scale=alt.Scale(domain=list(names), range=palette.shapes(len(names))),
        legend=legend(),
    )
    across = every.transform_filter("!isValid(datum.x)")
    layers = [
        across.mark_rule(strokeDash=_ACROSS).encode(y=y, tooltip=tooltip(hover)),
        across.mark_text(align="left", dx=4, dy=-6).encode(
            y=y, x=alt.value(0), text=alt.Text(field="name", type="nominal")
        ),
        points.mark_rule(opacity=0.5).encode(
            x=x, y=alt.Y(field="low", type="quantitative"), y2=alt.Y2(field="high"), color=colour
        ),
        points.transform_filter("isValid(datum.other)")
        .mark_point(filled=False, size=60, opacity=0.7)
        .encode(x=x, y=alt.Y(field="other", type="quantitative"), color=colour, shape=shape),
        points.mark_point(filled=True, size=80, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tooltip(hover)
        ),
        points.mark_text(dy=-12).encode(x=x, y=y, text=alt.Text(field="name", type="nominal")),
    ]
    return alt.layer(*layers, data=inline(data))
