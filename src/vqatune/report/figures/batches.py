"""The composition of the batches: whether each holds question types, difficulties and product types in proportion."""

from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

from vqatune.report.charts import palette
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.counts import CELL, heat_map
from vqatune.report.figures.figure import Figure
from vqatune.report.stage_outputs import read_rows
from vqatune.tables import BATCH, read_table

LARGEST = 24
"""So many product types have a row of their own."""
MISSING = "not given"
"""Stands for a question type or a difficulty that a pair lacks."""

_HOVER = {"batch": "", "value": "", "share": ".2%", "whole": ".2%", "times": ".2f", "count": ","}


def batch_figure(root: Path) -> Figure:
    """Return the figure of the batches' mix, of metrics/data/batches.csv and data/batches.

    Raises DataError where the batches have not been made.
    """
    summary = read_rows(
        root / "metrics/data/batches.csv", "batch", "batch", "images", "pairs", "total_variation"
    )
    parts = [_read(root / f"data/batches/{number:02}.parquet", number) for number in summary["batch"]]
    kinds = {"question_type": "Question types", "difficulty": "Difficulty", "product_type": "Product types"}
    views, tables = {}, []
    for field, title in kinds.items():
        counts = pd.concat([part[field] for part in parts], axis=1).fillna(0).astype("int64")
        if list(counts.index) == [MISSING]:
            continue
        mix = _mix(counts.sort_index() if field == "difficulty" else _largest(counts))
        views[title] = _chart(mix)
        shares = mix.pivot(index="value", columns="batch", values="share").loc[mix["value"].unique()]
        shares = shares[mix["batch"].unique()].map("{:.1%}".format)
        shares.insert(0, "all", mix.drop_duplicates("value").set_index("value")["whole"].map("{:.1%}".format))
        shares.insert(0, "of", field.replace("_", " "))
        tables.append(shares.rename_axis("value").reset_index())
    furthest = summary.loc[summary["total_variation"].idxmax()]
    alt_text = (
        f"{len(summary)} batches of {summary['images'].min():,} to {summary['images'].max():,} images (with repeats) and "
        f"{summary['pairs'].min():,} to {summary['pairs'].max():,} pairs. The batch whose mix of product types is "
        f"furthest from that of all is {furthest['batch']:.0f}, of which {furthest['total_variation']:.1%} would have to "
        "be exchanged."
    )
    note = (
        "A number is a type's percentage of the batch; behind its name is its percentage of all batches. Grey is in "
        "proportion. Images are dealt whole, so that a product type of few images cannot be in proportion everywhere, and a "
        "question type of few pairs differs by chance. Question types and difficulties are "
        "counted in pairs, product types in images with their repeats."
    )
    return Figure(
        "batches", "What is in each batch", alt_text, views, note, pd.concat(tables, ignore_index=True)
    )


def _read(path: Path, number: int) -> dict[str, pd.Series]:
    """Return how often each value occurs in a batch."""
    columns = ["image_id", "copy", "product_type", "question_type", "difficulty"]
    batch = read_table(path, BATCH, columns)
    images = batch.drop_duplicates(["image_id", "copy"])
    values = {
        "question_type": batch["question_type"],
        "difficulty": batch["difficulty"],
        "product_type": images["product_type"],
    }
    return {
        field: column.astype(object).where(column.notna(), MISSING).astype(str).value_counts().rename(number)
        for field, column in values.items()
    }


def _largest(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts, largest type first, all but the LARGEST as one row."""
    order = sorted(counts.index, key=lambda value: (-counts.loc[value].sum(), value))
    counts = counts.loc[order]
    if len(counts) <= LARGEST + 1:
        return counts
    rest = counts.iloc[LARGEST:].sum().rename(f"{len(counts) - LARGEST:,} others").to_frame().T
    return pd.concat([counts.iloc[:LARGEST], rest])


def _mix(counts: pd.DataFrame) -> pd.DataFrame:
    """Return a row a value and batch: value, batch, count, share, whole (its share of all), times, shift, text."""
    long = counts.rename_axis("value").reset_index().melt("value", var_name="batch", value_name="count")
    total, of_value = counts.to_numpy().sum(), counts.sum(axis=1)
    long["share"] = long["count"] / long["batch"].map(counts.sum()).clip(lower=1)
    long["whole"] = long["value"].map(of_value) / max(1, total)
    long["times"] = (long["share"] / long["whole"]).fillna(1.0)
    # Beyond half and double, the colour does not change; a type that is absent is at the end, too.
    long["shift"] = np.log2(long["times"].clip(0.5, 2))
    long["text"] = [_percent(share) for share in long["share"]]
    long["batch"] = long["batch"].astype(str)
    return long


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}"


def _chart(mix: pd.DataFrame) -> dict:
    names = "datum.value < 0 ? 'half' : datum.value > 0 ? 'double' : 'equal'"
    colour = alt.Color(
        field="shift",
        type="quantitative",
        scale=alt.Scale(domain=[-1, 0, 1], range=list(palette.DIVERGING)),
        legend=alt.Legend(
            title=None,
            orient="bottom",
            values=[-1, 0, 1],
            labelExpr=names,
            gradientLength=alt.ExprRef("min(240, width)"),
        ),
    )
    whole = mix.drop_duplicates("value").set_index("value")["whole"]
    counts = {value: f"{_percent(share)}%" for value, share in whole.items()}
    chart = heat_map(
        rows(mix),
        "value",
        "batch",
        {"color": colour},
        "text",
        _HOVER,
        title="batch",
        counts=counts,
        text=palette.DARK_TEXT,
    )
    return page_spec(chart, CELL * len(whole))
