"""Parts that all charts share: plain rows, a legend, and Vega-Lite that is as wide as its container.

A chart says nothing about colours of text, axes or background, which the page that shows it sets (Vega's config; the
marks `text` and `rule` take theirs from there, too).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

Data = Sequence[Mapping[str, Any]] | str
"""Rows, or the anchor that DVC puts rows for."""

NARROW = "width < 520"
"""Whether a chart has the width of a telephone, as a Vega expression."""

_DIGITS = 6
_LINE_ENDS = {0x2028: " ", 0x2029: " "}
"""Vega's expressions, into which names are written, cannot hold them."""


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as plain values: numbers with six digits, None for what is missing."""
    return [
        {str(name): _plain(value) for name, value in row.items()} for row in table.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_LINE_ENDS)
    if isinstance(value, list):
        return value
    if pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def percent(share: float, places: int = 1) -> str:
    """Return a share as text; one that is not none does not become 0 %."""
    least = 10 ** -(places + 2)
    return f"<{least:.{places}%}" if 0 < share < least else f"{share:.{places}%}"


def to_spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """Return a chart as Vega-Lite, its data in place and without altair's own settings."""
    # Outputs must not depend on altair's settings in this process.
    inline_data = alt.data_transformers.enable("default", consolidate_datasets=False, max_rows=None)
    with inline_data, alt.theme.enable("none"):
        # Validated unless altair is told not to (schemapi.debug_mode).
        return chart.to_dict(validate=alt.utils.schemapi.DEBUG_MODE)


def page_spec(chart: alt.TopLevelMixin, height: int) -> dict[str, Any]:
    """Return a chart as Vega-Lite, as wide as its container and `height` pixels high."""
    fit = {"type": "fit-x", "contains": "padding"}
    return to_spec(chart) | {"width": "container", "height": height, "autosize": fit}


def inline(data: Data) -> alt.InlineData:
    """Return rows, or DVC's anchor for them, as a chart's data."""
    if isinstance(data, str):
        # DVC passes a CSV's values as text; Vega-Lite parses only the fields of the axes.
        return alt.InlineData(values=data, format=alt.JsonDataFormat(type="json", parse={"number": "number"}))
    return alt.InlineData(values=list(data))


def legend(wide: int = 4, narrow: int = 2, **options: Any) -> alt.Legend:
    """Return a legend below the chart, in so many columns; fewer where the chart is narrow."""
    columns = alt.ExprRef(f"{NARROW} ? {narrow} : {wide}")
    return alt.Legend(
        title=None,
        orient="bottom",
        columns=columns,
        symbolOpacity=1,
        labelLimit=170,
        symbolSize=70,
        **options,
    )


def hovering(name: str, data: Data, x: str, hover: Mapping[str, str]) -> alt.Chart:
    """Return columns as high as the chart that light up under the pointer and show its values.

    name: of the selection. data: a row a column, with x (a number, rising), the fields of `hover`, and its ends `left`
    and `right` (see `with_ends`). hover: as for `tooltip`.
    """
    at = alt.selection_point(name=name, fields=[x], on="pointerover", clear="pointerout", empty=False)
    lit = alt.condition(at, alt.value("#80808040"), alt.value("transparent"))
    return (
        alt.Chart(inline(data), mark=alt.MarkDef(type="rect", clip=True, stroke=None))
        .encode(
            x=alt.X(field="left", type="quantitative"),
            x2=alt.X2(field="right"),
            fill=lit,
            tooltip=tooltip(hover),
        )
        .add_params(at)
    )


def with_ends(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return the table, whose x rises, with `left` and `right`: halfway to the x before and to the x after."""
    places = table[x].astype(float)
    halves = places.diff() / 2
    halves = halves.fillna(halves.iloc[1] if len(halves) > 1 else 0.5)
    after = halves.shift(-1).fillna(halves)
    return table.assign(left=places - halves, right=places + after)


def tooltip(fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """Return tooltips: field → the format of its numbers, or nothing for text."""
    return [
        alt.Tooltip(field=field, type="quantitative", title=field.replace("_", " "), format=form)
        if form
        else alt.Tooltip(field=field, type="nominal", title=field.replace("_", " "))
        for field, form in fields.items()
    ]
