"""Exact match by difficulty, question type and product type: a heat map of versions and slices, with counts."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vqatune.evaluation.scoring.slices import SLICES
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.counts import CELL, heat_map, shades
from vqatune.report.charts.lines import Axes, score_lines, with_hover
from vqatune.report.figures.figure import Figure
from vqatune.report.history import difficulty_curves, in_chain
from vqatune.report.stage_outputs import read_rows

LARGEST = 24
"""So many product types have a row of their own."""

_SHOWN = [name for name, entry in SLICES.items() if entry.in_report]
_HOVER = {"version": "", "value": "", "exact_match": ".1%", "pairs": ",", "images": ","}


def slice_figures(root: Path, versions: Sequence[str], leading: str) -> list[Figure]:
    """Return a figure for each slice that the test pairs have.

    It reads metrics/by. Raises DataError where a version has no scores yet. leading: the version that curves mark and of which texts
    speak.
    """
    table = _read(root / "metrics" / "by", versions)
    # One scale of colours for all, so that they can be compared.
    shown = table[table["slice"].isin([*_SHOWN, "tier"])]
    highest = max(0.1, math.ceil(10 * shown["exact_match"].max()) / 10) if len(shown) else 1.0
    figures = [
        _figure(table, name, versions, leading, highest) for name in _SHOWN if (table["slice"] == name).any()
    ]
    for place, figure in enumerate(figures):
        if figure.name == "by_difficulty":
            curves = _curves(difficulty_curves(root / "metrics", versions), versions, leading)
            views = figure.views | {"Curves": curves}
            figures[place] = Figure(figure.name, figure.title, figure.alt, views, figure.note, figure.table)
    return figures


def _read(folder: Path, versions: Sequence[str]) -> pd.DataFrame:
    tables = []
    for number, version in enumerate(versions):
        columns = ["slice", "value", "pairs", "images", "exact_match"]
        table = read_rows(folder / f"{version}.csv", f"eval@{version}", *columns)[columns]
        tables.append(table.assign(version=version, number=number))
    table = pd.concat(tables, ignore_index=True)
    return table[table["exact_match"].notna()].astype({"value": str})


def _figure(
    table: pd.DataFrame, slice_: str, versions: Sequence[str], leading: str, highest: float
) -> Figure:
    some = table[table["slice"] == slice_]
    name = SLICES[slice_].label
    cells = _rest_together(_in_order(some, slice_))
    views = {"Heat map": share_map(cells, highest)}
    tiers = table[table["slice"] == "tier"]
    if slice_ == "product_type":
        views = {"Largest types": views["Heat map"]}
        if tiers["value"].nunique() > 1:
            tiers = tiers.assign(order=tiers["value"].astype(float)).sort_values(
                ["order", "number"], ascending=[False, True]
            )
            lowest = tiers.loc[tiers["order"] > 0, "order"].min()
            tiers["value"] = [f"≥ {tier:,.0f}" if tier else f"< {lowest:,.0f}" for tier in tiers["order"]]
            views["Tiers of sampling"] = share_map(tiers, highest)
    own = some[some["version"] == leading].sort_values("exact_match", kind="stable")
    worst, best = own.iloc[0], own.iloc[-1]
    alt_text = (
        f"Exact match of {len(in_chain(versions))} versions by {name}. {leading} is best at {best['value']} "
        f"({best['exact_match']:.1%} of {best['pairs']:,} pairs) and worst at {worst['value']} "
        f"({worst['exact_match']:.1%} of {worst['pairs']:,})."
    )
    note = (
        f"A number is the percentage of right answers; behind the {name} is its number of test pairs. Few pairs say "
        "little: of 100, the percentage is known to about ± 10, of 30 to ± 18."
    )
    if slice_ == "difficulty":
        note += " Difficulty, from 0 to 5, is what the source of the pairs rates a question with, whatever the models make of it."
    if "Tiers of sampling" in views:
        note += " Tiers are of types by their images in the catalogue."
    if len(cells) < len(some):
        note += f" The {LARGEST} types with most test pairs have a row of their own."
    return Figure(
        f"by_{slice_}", f"Exact match by {name}", alt_text, views, note, _table(cells, versions, name)
    )


def _in_order(some: pd.DataFrame, slice_: str) -> pd.DataFrame:
    """Return the slice's rows in its order: values as they rise, or those with most pairs first."""
    if SLICES[slice_].order == "value":
        numbers = pd.to_numeric(some["value"], errors="coerce")
        # metrics/by has the order of texts that are no numbers, such as lengths.
        key = numbers if numbers.notna().all() else pd.Series(pd.factorize(some["value"])[0], some.index)
    else:
        key = -some.groupby("value")["pairs"].transform("max")
    return some.assign(key=key).sort_values(["key", "value", "number"]).drop(columns="key")


def _rest_together(some: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with those of all values but the LARGEST first as one value, weighted by their pairs."""
    values = list(dict.fromkeys(some["value"]))
    if len(values) <= LARGEST + 1:
        return some
    rest = some[some["value"].isin(values[LARGEST:])]
    rest = rest.assign(right=rest["exact_match"] * rest["pairs"]).groupby(
        ["number", "version"], as_index=False
    )
    rest = rest[["right", "pairs", "images"]].sum()
    rest["exact_match"] = rest["right"] / rest["pairs"]
    rest["value"] = f"{len(values) - LARGEST:,} others"
    return pd.concat(
        [some[some["value"].isin(values[:LARGEST])], rest.drop(columns="right")], ignore_index=True
    )


def share_map(cells: pd.DataFrame, highest: float) -> dict:
    """Return a heat map of exact match, a row a value and a column a version, as Vega-Lite.

    cells: value, version, exact_match, pairs and images, in the order of rows. highest: the share of the strongest colour.
    """
    cells = cells.assign(text=[f"{100 * share:.0f}" for share in cells["exact_match"]])
    pairs = cells.groupby("value")["pairs"].max()
    columns = ["value", "version", "exact_match", "pairs", "images", "text"]
    chart = heat_map(
        rows(cells[columns]),
        "value",
        "version",
        shades("exact_match", 0, highest),
        "text",
        _HOVER,
        title="version",
        counts={value: f"{count:,}" for value, count in pairs.items()},
    )
    return page_spec(chart, CELL * len(pairs))


def _curves(curves: pd.DataFrame, versions: Sequence[str], leading: str) -> dict:
    curves = curves.dropna(subset=["exact_match"])
    curves = curves.assign(difficulty=[f"difficulty {value}" for value in curves["difficulty"]])
    names = list(dict.fromkeys(curves["difficulty"]))
    axes, chain = Axes("number", "exact_match", "version", "exact match"), in_chain(versions)
    columns = ["number", "exact_match", "difficulty"]
    chart = score_lines(rows(curves[columns]), axes, "difficulty", names, versions=chain, band=False)
    texts = curves.assign(text=[f"{value:.3f}" for value in curves["exact_match"]])
    texts = texts.pivot(index="version", columns="difficulty", values="text").reindex(
        index=chain, columns=names
    )
    texts = texts.fillna("–").rename_axis("version").reset_index()
    texts.insert(0, "number", range(len(chain)))
    hover = {name: "" for name in ("version", *names)}
    return page_spec(with_hover(chart, axes, texts, hover, leading), 320)


def _table(cells: pd.DataFrame, versions: Sequence[str], name: str) -> pd.DataFrame:
    values = list(dict.fromkeys(cells["value"]))
    shares = cells.pivot(index="value", columns="version", values="exact_match").loc[values, list(versions)]
    shares = shares.map(lambda share: "" if pd.isna(share) else f"{share:.1%}").rename_axis(columns=None)
    for field in ("images", "pairs"):
        shares.insert(0, field, cells.groupby("value")[field].max().loc[values])
    return shares.rename_axis(name).reset_index()
