"""Counts and shares: bars with their numbers, and heat maps of versions or batches."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from vqatune.report.charts import palette
from vqatune.report.charts.common import NARROW, inline, legend, tooltip

Rows = Sequence[Mapping[str, Any]]

_END = 105
"""Pixels of the text at the end of a bar."""
CELL = 27
"""Pixels of a row of a heat map, in which a name of two lines fits."""
_LINE = 10
"""Pixels of a line of a row's name: less than half a row, so that one can see which lines belong together."""
_COLUMN = 28
"""Pixels that the name of a column takes."""
_CELL_TEXT = 10
"""The size of the numbers in a heat map's cells."""


def bars(
    data: Rows,
    category: str,
    value: str,
    label: str,
    hover: Mapping[str, str],
    *,
    within: str | None = None,
) -> alt.LayerChart:
    """Return horizontal bars in the order of their rows, each with a text at its end.

    Args:
        data: rows with all fields.
        category: the field of what a bar is of.
        value: the field of its length.
        label: the field of the text at its end.
        hover: what hovering shows, as for `tooltip`.
        within: the field of two or three bars that share a category, told apart by colour.
    """
    order = distinct(data, category)
    most = max((row[value] or 0 for row in data), default=0)
    # Room for the text at the end of the longest bar, however narrow the chart is.
    scale = alt.Scale(
        domainMin=0, domainMax=alt.ExprRef(f"{most or 1} * width / max(width - {_END}, 50)"), nice=False
    )
    base = alt.Chart().encode(
        x=alt.X(field=value, type="quantitative", scale=scale, axis=None),
        y=alt.Y(
            field=category,
            type="nominal",
            sort=order,
            axis=alt.Axis(
                title=None, labelLimit=alt.ExprRef(f"{NARROW} ? 150 : 260"), ticks=False, domain=False
            ),
        ),
        tooltip=tooltip(hover),
    )
    if within:
        names = distinct(data, within)
        base = base.encode(yOffset=alt.YOffset(field=within, type="nominal", sort=names))
        colours = alt.Scale(domain=names, range=palette.colours(len(names)))
        key = legend(symbolType="square")
        drawn = base.mark_bar().encode(
            color=alt.Color(field=within, type="nominal", sort=None, scale=colours, legend=key)
        )
    else:
        drawn = base.mark_bar(color=palette.BLUE)
    text = base.mark_text(align="left", baseline="middle", dx=4)
    return alt.layer(drawn, text.encode(text=alt.Text(field=label, type="nominal")), data=inline(data))


def heat_map(
    data: Rows,
    row: str,
    column: str,
    cells: Mapping[str, Any],
    number: str,
    hover: Mapping[str, str],
    *,
    title: str,
    counts: Mapping[str, str],
    columns: Sequence[str] | None = None,
    text: str | None = None,
    angle: int = 0,
    link: str | None = None,
) -> alt.LayerChart:
    """Return cells in the order of their rows and columns, each with a number in it.

    Args:
        data: a row a cell, with all fields.
        row: the field of the rows' names.
        column: the field of the columns' names.
        cells: the channels of the cells' colours: see `shades`.
        number: the field of the number.
        hover: what hovering shows, as for `tooltip`.
        title: above the columns.
        counts: a row's name → what stands behind it, such as its number of pairs.
        columns: the names of the columns in their order; None for that of the rows.
        text: the colour of the numbers; None for that of the page's text.
        angle: of the columns' names, in degrees, for names that are long.
        link: the field of the address within the page that a click on a cell leads to; a row may have None there.
    """
    # A name that is cut must not take its count with it; on a telephone, that stands in a line of its own.
    behind = f"({json.dumps(dict(counts))}[datum.value] || '')"
    # Isolated, so that a name that is written from right to left does not take the count into itself.
    wide = f"'\\u2068' + truncate(datum.value, 26) + '\\u2069 · ' + {behind}"
    narrow = f"[truncate(datum.value, 11), {behind}]"
    size, middle = alt.ExprRef(f"{NARROW} ? 10 : 12"), alt.ExprRef(f"{NARROW} ? -5 : 0")
    # Where columns are narrow, v1, v2, … are 1, 2, …
    columns = distinct(data, column) if columns is None else list(columns)
    tight = f"width < {_COLUMN * len(columns)}"
    short = f"{tight} ? replace(datum.label, regexp('^v(?=[0-9])'), '') : datum.label"
    if angle:
        slanted = {"labelAngle": angle, "labelAlign": "left", "labelLimit": 90}
    else:
        # The names of base and of the blind guess stay as long as they are.
        ends = {"labelAngle": ("-60", "0"), "labelAlign": ("'left'", "'center'")}
        slanted = {key: alt.ExprRef(f"{tight} ? {there} : {else_}") for key, (there, else_) in ends.items()}
    plain = {"ticks": False, "domain": False, "labelFontSize": size}
    base = alt.Chart().encode(
        x=alt.X(
            field=column,
            type="nominal",
            sort=columns,
            axis=alt.Axis(title=title, orient="top", labelExpr=short, **slanted, **plain),
        ),
        y=alt.Y(
            field=row,
            type="nominal",
            sort=distinct(data, row),
            axis=alt.Axis(
                title=None,
                labelExpr=f"{NARROW} ? {narrow} : {wide}",
                labelLimit=260,
                labelOffset=middle,
                labelLineHeight=_LINE,
                **plain,
            ),
        ),
        tooltip=tooltip(hover),
    )
    drawn = {"fontSize": _CELL_TEXT, "baseline": "middle"} | ({"color": text} if text else {})
    numbers = base.mark_text(**drawn).encode(text=alt.Text(field=number, type="nominal"))
    layers = [base.mark_rect().encode(**cells), numbers]
    if link:
        # What can be pressed lies on top, and looks so under the pointer; the page follows its link.
        pressed = base.transform_filter(f"isValid(datum[{json.dumps(link)}])")
        layers.append(pressed.mark_rect(opacity=0, cursor="pointer"))
    return alt.layer(*layers, data=inline(data))


def shades(field: str, lowest: float, highest: float, right: str | None = None) -> dict[str, Any]:
    """Return the channels of a heat map's cells: the larger a share, the stronger its colour.

    field: of the share. lowest, highest: the shares of the faintest and of the strongest colour. right: a Vega expression that
    holds for cells of one colour, all others being of another; None for one colour.
    """
    colour = alt.value(palette.BLUE)
    if right is not None:
        colour = alt.condition(right, colour, alt.value(palette.VERMILLION))
    scale = alt.Scale(domain=[lowest, highest], range=list(palette.SHADES), clamp=True)
    # The numbers in the cells tell what a legend would.
    return {
        "color": colour,
        "opacity": alt.Opacity(field=field, type="quantitative", scale=scale, legend=None),
    }


def distinct(data: Rows, field: str) -> list[str]:
    """Return the values of a field, each once, in the order of the rows."""
    return list(dict.fromkeys(row[field] for row in data))
