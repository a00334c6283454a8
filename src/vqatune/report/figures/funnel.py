"""From the archives to the batches: the counts after every stage, and the numbers of dropped items by reason."""

from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.report.charts.common import page_spec, percent, rows
from vqatune.report.charts.counts import bars
from vqatune.report.figures.figure import Figure
from vqatune.report.stage_outputs import read_counts, read_rows
from vqatune.tables import PAIRS, SAMPLED, read_table

_LISTINGS = {
    "listings_dropped_other_language": "no text in a wanted language",
    "listings_dropped_no_text": "no text in the wanted fields",
    "listings_dropped_repeated": "the same listing again",
    "listings_dropped_without_images": "names no image",
    "listings_dropped_no_image_left": "no image of it is left",
}
_ANSWERED = ("as_asked", "repaired")
_BAR = 15
"""Pixels a bar takes."""


def funnel_tables(root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what is left after every stage, and what was dropped.

    The first has stage, listings, images, pairs (Int64; missing where a stage has none yet); the second stage, of
    (listings, images or pairs), reason, dropped, came (how many there were), those that dropped nothing included.

    Raises DataError where a stage has not run.
    """
    counts = _read(root)
    return _left(counts), _dropped(counts)


def funnel_figures(root: Path) -> list[Figure | str]:
    """Return the figures of what is left after every stage and of what was dropped, or a sentence for one.

    Raises as funnel_tables.
    """
    left, dropped = funnel_tables(root)
    first, last = left.iloc[0], left.set_index("stage")
    tested, validated, trained = (last.loc[f"split: {name}"] for name in ("test", "validation", "training"))
    kept = Figure(
        "funnel",
        "From the catalogue to the batches",
        f"{first['listings']:,} listings with {first['images']:,} images become {trained['pairs']:,} training pairs "
        f"about {trained['images']:,} images, {validated['pairs']:,} validation pairs about {validated['images']:,} and "
        f"{tested['pairs']:,} test pairs about {tested['images']:,}.",
        {"Listings and images": _stages(left, ["listings", "images"]), "Pairs": _stages(left, ["pairs"])},
        "A bar is what is left after a stage. In the batches an image counts as often as training sees it.",
        left.rename(columns={"pairs": "question-answer pairs"}),
    )
    return [kept, _dropped_figure(dropped)]


def _read(root: Path) -> dict[str, Any]:
    data = root / "metrics" / "data"
    extract = read_counts(
        data / "extract.json", "extract", "listings", "images", "bad_lines", "rows_repeated"
    )
    needed = (*_LISTINGS, "listings_kept", "images_kept", "image_references", "references_missing")
    return {
        "extract": extract,
        "filter": read_counts(data / "filter.json", "filter", *needed),
        "sample": read_rows(data / "sample.csv", "sample", "images", "sampled"),
        "generate": read_counts(
            data / "generate.json", "generate", "images", "images_with_pairs", "pairs", "kept", "dropped"
        ),
        "split": read_counts(data / "split.json", "split", "train", "validation", "test"),
        "batches": read_rows(data / "batches.csv", "batch", "images", "pairs"),
        "sampled_listings": int(
            read_table(root / "data/sampled.parquet", SAMPLED, ["item_id"]).nunique().item()
        ),
        "paired_listings": int(read_table(root / "data/qa.parquet", PAIRS, ["item_id"]).nunique().item()),
    }


def _left(counts: dict[str, Any]) -> pd.DataFrame:
    extract, filtered, generate, split = (counts[name] for name in ("extract", "filter", "generate", "split"))
    sampled = int(counts["sample"]["sampled"].sum())
    # Which listings a share of the images belongs to is not written down.
    asked = counts["sampled_listings"] if generate["images"] == sampled else None
    table = [
        ("extract", extract["listings"], extract["images"], None),
        ("filter", filtered["listings_kept"], filtered["images_kept"], None),
        ("sample", counts["sampled_listings"], sampled, None),
        ("generate", asked, generate["images"], generate["pairs"]),
        ("checks", counts["paired_listings"], generate["images_with_pairs"], generate["kept"]),
    ]
    for name, key in (("training", "train"), ("validation", "validation"), ("test", "test")):
        side = split[key]
        table.append((f"split: {name}", side["listings"], side["images"], side["pairs"]))
    batches = counts["batches"]
    table.append(
        ("batches, with repeats", split["train"]["listings"], batches["images"].sum(), batches["pairs"].sum())
    )
    left = pd.DataFrame(table, columns=["stage", "listings", "images", "pairs"])
    return left.astype({name: "Int64" for name in ("listings", "images", "pairs")})


def _dropped(counts: dict[str, Any]) -> pd.DataFrame:
    extract, filtered, generate = counts["extract"], counts["filter"], counts["generate"]
    lines = extract["listings"] + extract["bad_lines"]
    table = [("extract", "listings", "line does not parse", extract["bad_lines"], lines)]
    named = extract["images"] + extract.get("images_without_bytes", 0) + extract["rows_repeated"]
    for name, reason in (
        ("images_without_bytes", "no such picture"),
        ("rows_repeated", "the same row again"),
    ):
        table.append(("extract", "images", reason, extract.get(name, 0), named))
    for name, reason in _LISTINGS.items():
        table.append(("filter", "listings", reason, filtered[name], filtered["listings"]))
    # Each image that a kept listing shows, once.
    shown = filtered["image_references"] - filtered["references_missing"] - filtered["references_repeated"]
    for reason, dropped in (
        ("of no listing that is kept", extract["images"] - shown),
        ("does not open", filtered["references_unreadable"]),
        ("the same bytes as another", filtered["references_same_bytes"]),
    ):
        table.append(("filter", "images", reason, dropped, extract["images"]))
    sampled = int(counts["sample"]["sampled"].sum())
    kept, listings = filtered["images_kept"], filtered["listings_kept"]
    table.append(("sample", "listings", "no image drawn", listings - counts["sampled_listings"], listings))
    table.append(("sample", "images", "not drawn", kept - sampled, kept))
    table += _not_answered(generate, sampled)
    for check, dropped in generate["dropped"].items():
        table.append(("checks", "pairs", check.replace("_", " "), dropped, generate["pairs"]))
    return pd.DataFrame(table, columns=["stage", "of", "reason", "dropped", "came"])


def _not_answered(generate: dict[str, Any], sampled: int) -> list[tuple]:
    asked = generate["images"]
    failed = {kind: count for kind, count in generate.get("replies", {}).items() if kind not in _ANSWERED}
    table = [("generate", "images", "in another share of the work", sampled - asked, sampled)]
    for kind, count in failed.items():
        table.append(("generate", "images", kind.replace("_", " "), count, asked))
    unpaired = asked - generate["images_with_pairs"] - sum(failed.values())
    return [*table, ("checks", "images", "no pair is left", unpaired, asked)]


def _stages(left: pd.DataFrame, units: list[str]) -> dict:
    long = left.melt("stage", units, "of", "count").dropna(subset=["count"])
    # Stage by stage, as `melt` goes unit by unit.
    long = long.sort_values("stage", key=lambda names: names.map(list(left["stage"]).index), kind="stable")
    long["label"] = [f"{count:,}" for count in long["count"]]
    hover = {"stage": "", "of": "", "count": ","}
    within = "of" if len(units) > 1 else None
    return page_spec(
        bars(rows(long), "stage", "count", "label", hover, within=within),
        _BAR * len(long) + 6 * long["stage"].nunique(),
    )


def _dropped_figure(dropped: pd.DataFrame) -> Figure | str:
    views, parts = {}, []
    for unit in ("listings", "images", "pairs"):
        some = dropped[(dropped["of"] == unit) & (dropped["dropped"] > 0)]
        if some.empty:
            continue
        share = some["dropped"] / some["came"]
        some = some.assign(
            what=some["reason"] if some["stage"].nunique() == 1 else some["stage"] + ": " + some["reason"],
            share=share,
            label=[
                f"{count:,} ({percent(part)})" for count, part in zip(some["dropped"], share, strict=True)
            ],
        )
        hover = {"stage": "", "reason": "", "dropped": ",", "came": ",", "share": ".2%"}
        chart = bars(rows(some), "what", "dropped", "label", hover)
        views[unit.capitalize()] = page_spec(chart, 22 * len(some))
        largest = some.loc[some["dropped"].idxmax()]
        parts.append(
            f"{some['dropped'].sum():,} {unit}, most of them at {largest['stage']} ({largest['reason']}, "
            f"{largest['dropped']:,})"
        )
    nothing = [unit for unit in ("listings", "images", "pairs") if unit.capitalize() not in views]
    if not parts:
        return "No stage dropped anything."
    alt = f"Dropped: {'; '.join(parts)}."
    if nothing:
        alt += f" No {' and no '.join(nothing)} were dropped."
    table = dropped.assign(
        share=[percent(part, 2) for part in dropped["dropped"] / dropped["came"].clip(lower=1)]
    )
    return Figure(
        "dropped",
        "What was dropped, and why",
        alt,
        views,
        "Percentages are of what came into the stage. The images of a listing that is dropped go with it.",
        table.rename(columns={"came": "of so many"}),
    )
