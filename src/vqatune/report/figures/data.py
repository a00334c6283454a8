"""The report's figures of the data: the funnel, product types, pairs, checks, and the composition of the batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.report.charts.common import page_spec, percent, rows, with_ends
from vqatune.report.charts.counts import bars
from vqatune.report.charts.product_types import dots, ranked
from vqatune.report.figures.batches import MISSING, batch_figure
from vqatune.report.figures.figure import Figure, Section
from vqatune.report.figures.funnel import funnel_figures
from vqatune.report.stage_outputs import read_counts, read_rows

NAMED_TYPES = 40
"""So many product types, the largest, are shown by name."""
FEW = 30
"""A drop rate of fewer pairs says little about a product type."""
WORST = 30
"""Of so many product types the drop rate is shown."""

_BAR = 20
"""Pixels a bar takes."""
_COUNTS = {"images": "catalogue", "sampled": "sample", "repeats_total": "sample with repeats"}


def data_section(root: Path) -> Section:
    """Return the section on the data, from the archives to the batches.

    It reads metrics/data and, of data, sampled.parquet, qa.parquet and batches.

    Raises DataError where a stage has not run, or its output is damaged.
    """
    data = root / "metrics" / "data"
    pairs = read_counts(
        data / "generate.json",
        "generate",
        "question_types",
        "difficulties",
        "answers",
        "pairs",
        "kept",
        "images_with_pairs",
    )
    shown: list[Figure | str] = [
        *funnel_figures(root),
        _types(read_rows(data / "sample.csv", "sample", "product_type", "images", "tier", *_COUNTS)),
        _pairs("question_types", "Pairs by question type", "question type", pairs["question_types"], pairs),
        _pairs("difficulties", "Pairs by difficulty", "difficulty", pairs["difficulties"], pairs),
        _answers(pairs),
        _checks(
            read_rows(data / "checks.csv", "generate", "by", "value", "pairs", "dropped", "share"), pairs
        ),
        batch_figure(root),
    ]
    made = f", written by {', '.join(pairs['generators'])}" if pairs.get("generators") else ""
    text = f"{pairs['kept']:,} question-answer pairs about {pairs['images_with_pairs']:,} images{made}."
    if reviews := pairs.get("reviews"):
        text += (
            f" Of {reviews['pairs']:,} reviewed pairs {reviews['found']:,} are among what was generated: "
            f"{reviews['dropped']:,} are dropped as wrong, {reviews['replaced']:,} are replaced by what people wrote."
        )
    # A sentence stands for a chart that would be empty.
    text = " ".join([text, *(each for each in shown if isinstance(each, str))])
    return Section("data", "The data", text, [each for each in shown if isinstance(each, Figure)])


def _types(table: pd.DataFrame) -> Figure:
    table = table.sort_values(["images", "product_type"], ascending=[False, True], ignore_index=True)
    # Repeats are worth a curve where there are any.
    counts = {
        name: title
        for name, title in _COUNTS.items()
        if name != "repeats_total" or (table["repeats_total"] > table["sampled"]).any()
    }
    tiers = _tiers(table)
    texts = [tier["text"] for tier in tiers]
    table["rank"] = table.index + 1
    table["tier_text"] = [f"from {tier:,}" if tier else "lowest" for tier in table["tier"]]
    shown = rows(
        with_ends(table, "rank").rename(
            columns={"repeats_total": "with_repeats", "tier": "bound", "tier_text": "tier"}
        )
    )
    for row in shown:
        row["repeats_total"] = row["with_repeats"]
    hover = {"product_type": "", "rank": ",", "images": ",", "sampled": ",", "with_repeats": ",", "tier": ""}
    levels = [tier for tier in tiers if tier["at"] > 0]
    largest = min(len(table), NAMED_TYPES)
    named = dots(shown[:largest], "product_type", counts, levels, hover)
    ranks = ranked(shown, counts, levels, hover, logarithmic=len(table) > NAMED_TYPES)
    views = {"All, by rank": page_spec(ranks, 320)}
    title = f"The {largest} largest" if largest < len(table) else "By name"
    named_view = {title: page_spec(named, 18 * largest)}
    views = views | named_view if largest < len(table) else named_view | views
    first = table.iloc[0]
    alt = (
        f"{len(table):,} product types. The catalogue has {table['images'].sum():,} images, the sample "
        f"{table['sampled'].sum():,}, or {table['repeats_total'].sum():,} with repeats; the largest type, "
        f"{first['product_type']}, has {first['images']:,} and gives {first['sampled']:,}."
    )
    note = "Images are on a log scale. "
    note += f"Tiers: {'; '.join(texts)}." if levels else "All types are in the lowest tier."
    columns = ["product_type", "images", "tier_text", "sampled", "repeats_total"]
    listed = table[columns].rename(columns={"tier_text": "tier", "repeats_total": "with repeats"})
    return Figure(
        "product_types", "Product types before and after sampling", alt, views, note, _spoken(listed)
    )


def _tiers(table: pd.DataFrame) -> list[dict[str, Any]]:
    tiers = []
    for tier, types in sorted(table.groupby("tier"), reverse=True):
        drawn = types["sampled"].sum() / types["images"].sum()
        count = f"{len(types):,} type{'s' * (len(types) != 1)}"
        bound = f"from {tier:,} images" if tier else "below"
        tiers.append({"at": int(tier), "text": f"{bound}: {count}, {drawn:.0%} drawn"})
    return tiers


def _pairs(name: str, title: str, what: str, counts: Mapping[str, int], report: Mapping) -> Figure | str:
    kept = report["kept"]
    table = pd.DataFrame(
        [(MISSING if value == "none" else value, count) for value, count in counts.items() if count],
        columns=[what, "pairs"],
    )
    if name != "difficulties":
        table = table.sort_values("pairs", ascending=False, kind="stable", ignore_index=True)
    if list(table[what]) == [MISSING]:
        return f"No pair says its {what}."
    return _bars_of_pairs(name, title, what, table, kept)


def _answers(report: Mapping) -> Figure:
    table = pd.DataFrame(report["answers"])[["answer", "count"]].rename(columns={"count": "pairs"})
    figure = _bars_of_pairs("answers", "The most frequent answers", "answer", table, report["kept"])
    share = table["pairs"].sum() / report["kept"]
    distinct = f" of {report['distinct_answers']:,}" if "distinct_answers" in report else ""
    note = f"The {len(table)} most frequent{distinct} answers, which {share:.0%} of the pairs have."
    return Figure(figure.name, figure.title, figure.alt, figure.views, note, figure.table)


def _bars_of_pairs(name: str, title: str, what: str, table: pd.DataFrame, kept: int) -> Figure:
    table = table.assign(share=table["pairs"] / max(1, kept))
    field = what.replace(" ", "_")
    shown = table.rename(columns={what: field})
    shown["label"] = [
        f"{pairs:,} ({percent(share)})" for pairs, share in zip(table["pairs"], table["share"], strict=True)
    ]
    hover = {field: "", "pairs": ",", "share": ".2%"}
    chart = bars(rows(shown), field, "pairs", "label", hover)
    most = shown.sort_values("pairs", ascending=False, kind="stable").head(3)
    largest = ", ".join(f"{value}: {label}" for value, label in zip(most[field], most["label"], strict=True))
    alt = f"{kept:,} pairs by {what}. The most frequent: {largest}."
    listed = table.assign(share=[percent(share, 2) for share in table["share"]])
    return Figure(name, title, alt, {"Pairs": page_spec(chart, _BAR * len(table))}, "", listed)


def _checks(rates: pd.DataFrame, report: Mapping) -> Figure | str:
    title = "What the checks drop"
    checks = pd.DataFrame(report["dropped"].items(), columns=["check", "dropped"])
    checks["share"] = checks["dropped"] / max(1, report["pairs"])
    listed = checks.assign(
        check=_words(checks["check"]), share=[percent(share, 2) for share in checks["share"]]
    )
    dropped = int(checks["dropped"].sum())
    if not dropped:
        return f"All {report['pairs']:,} pairs passed the {len(checks)} checks."
    shown = checks[checks["dropped"] > 0].sort_values("dropped", ascending=False, kind="stable")
    views = {"By check": _rates(shown.assign(pairs=report["pairs"], check=_words(shown["check"])), "check")}
    for by in ("generator", "prompt", "product_type"):
        some = rates[(rates["by"] == by) & (rates["dropped"] > 0)]
        if by == "product_type":
            some = some[some["pairs"] >= FEW]
        if some.empty or (by != "product_type" and (rates["by"] == by).sum() < 2):
            continue
        some = some.sort_values(["share", "pairs", "value"], ascending=[False, False, True]).head(WORST)
        views[f"By {by.replace('_', ' ')}"] = _rates(some.rename(columns={"value": by}), by)
    worst = shown.iloc[0]
    alt = (
        f"Of {report['pairs']:,} pairs the checks drop {dropped:,} ({dropped / report['pairs']:.2%}), most of them by "
        f"'{worst['check'].replace('_', ' ')}' ({worst['dropped']:,})."
    )
    note = f"Product types: of those with at least {FEW} pairs, the {WORST} that lose the largest share."
    return Figure("checks", title, alt, views, note if "By product type" in views else "", listed)


def _rates(table: pd.DataFrame, field: str) -> dict:
    labels = [
        f"{percent(share, 2)} ({count:,})"
        for share, count in zip(table["share"], table["dropped"], strict=True)
    ]
    hover = {field: "", "pairs": ",", "dropped": ",", "share": ".2%"}
    shown = rows(table[[field, "pairs", "dropped", "share"]].assign(label=labels))
    return page_spec(bars(shown, field, "share", "label", hover), _BAR * len(table))


def _words(names: pd.Series) -> pd.Series:
    return names.str.replace("_", " ")


def _spoken(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={name: name.replace("_", " ") for name in table.columns})
