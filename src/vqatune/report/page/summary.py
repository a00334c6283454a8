"""The summary of the page: counts, gains by tuning, and the slices where a version is best and worst."""

from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.evaluation.scoring.slices import SLICES, SMALLEST_SLICE
from vqatune.params import Params
from vqatune.params.versions import BLIND
from vqatune.report.history import Best, in_chain
from vqatune.report.page.comparison import FEWEST_IMAGES, half_width
from vqatune.report.stage_outputs import read_counts, read_rows

_DRAWN = {
    "showroom": "a sample catalogue, whose products and pictures are drawn",
    "drawn_museum": "a sample museum, whose objects and pictures are drawn",
}
_TINY = ("showroom", "tiny")
_DOMINANT = 0.25
"""From such a share of the questions on, a product type decides what the average over questions is."""


def summarize(
    root: Path, comparison: dict[str, Any], leading: str, best: Best | None, params: Params
) -> dict[str, Any]:
    """Return the page's first lines.

    comparison: what comparison_data returns. leading: the version that the page shows. best: the version that the
    validation set chooses, which then is the same. params: of the run.

    Returns:
        counts: (number, what) pairs of text; sentences: a list of text; drawn: a sentence on what is no photograph and no
        real model, or None; extremes: a dict a kind of slice (kind, best, worst: a dict of value, share, pairs), of the
        leading version.

    Raises:
        DataError: a stage before has not been run.
    """
    data = root / "metrics/data"
    extracted = read_counts(data / "extract.json", "extract", "listings")
    filtered = read_counts(data / "filter.json", "filter", "listings_kept", "images_kept")
    sampled = read_rows(data / "sample.csv", "sample", "sampled")
    generated = read_counts(data / "generate.json", "generate", "kept")
    split = read_counts(data / "split.json", "split", "train", "test")
    tuned = len(in_chain(comparison["versions"])) - 1
    counts = [
        (f"{filtered['listings_kept']:,}", f"of {extracted['listings']:,} listings pass the filter"),
        (f"{int(sampled['sampled'].sum()):,}", f"images in the sample, of {filtered['images_kept']:,}"),
        (f"{generated['kept']:,}", "question-answer pairs"),
        (f"{split['test']['pairs']:,}", f"test questions about {split['test']['images']:,} images"),
        (
            f"{tuned}",
            "versions, each tuned from the one before" if tuned > 1 else "version, tuned from the base model",
        ),
    ]
    return {
        "counts": counts,
        "sentences": [*_sentences(comparison, leading, best), *_untested(split, tuned)],
        "drawn": _drawn(params),
        "extremes": _extremes(comparison, leading),
    }


def _drawn(params: Params) -> str | None:
    drawn, tiny = _DRAWN.get(params.raw.source), params.model.source in _TINY
    if drawn is None and not tiny:
        return None
    parts = []
    if drawn:
        parts.append(f"the catalogue is {drawn}")
    if tiny:
        family = "blip" if params.model.source == "showroom" else params.model.family
        parts.append(
            f"the base model is a tiny one of the family {family} that was trained on nothing but drawings"
        )
    text = ", and ".join(parts)
    subject = "real pictures or models" if drawn and tiny else "real pictures" if drawn else "real models"
    return f"{text[0].upper()}{text[1:]}: these scores show how vqatune works, and say nothing of {subject}."


def _sentences(comparison: dict[str, Any], leading: str, best: Best | None) -> list[str]:
    row = next((row for row in comparison["totals"] if row["name"] == "exact_match"), None)
    if row is None or None in row["value"]:
        return []
    versions, values = comparison["versions"], row["value"]
    shown = dict.fromkeys([*(name for name in versions if name == BLIND), in_chain(versions)[0], leading])
    glosses = {BLIND: "the most frequent training answer, without a look", in_chain(versions)[0]: "not tuned"}
    if best is not None and len(in_chain(versions)) > 1:
        glosses[leading] = " and ".join(
            [*filter(None, [glosses.get(leading)]), "the best on the validation set"]
        )
    scores = "; ".join(
        f"{name}{f', {glosses[name]},' if name in glosses else ''} {_with_interval(comparison, row, name)}"
        for name in shown
    )
    sentences = [f"Exact match on the test set, the share of answers that are the reference: {scores}."]
    if best is not None:
        sentences.append(" ".join(filter(None, (_chosen(comparison, best), _alike(comparison, leading)))))
    if BLIND in versions:
        sentences.append(_on_blind(comparison, leading, values[versions.index(BLIND)]))
    return [*sentences, *_over_types(comparison, list(shown))]


def _over_types(comparison: dict[str, Any], shown: list[str]) -> list[str]:
    """Return a sentence on the mean over product types, where one of them has a large part of the questions."""
    types = [row for row in comparison["slices"] if row["slice"] == "product_type"]
    pairs = sum(row["pairs"] for row in types)
    if len(types) < 2 or (largest := max(types, key=lambda row: row["pairs"]))["pairs"] < _DOMINANT * pairs:
        return []
    places = [comparison["versions"].index(name) for name in shown]
    means = [sum(row["right"][place] / row["pairs"] for row in types) / len(types) for place in places]
    scores = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(shown, means, strict=True))
    part = f"{largest['value']} has {largest['pairs'] / pairs:.0%} of the questions"
    return [f"{part}. As a mean over the {len(types)} product types (macro-average): {scores}."]


def _untested(split: dict[str, Any], tuned: int) -> list[str]:
    trained, tested = split["train"]["types"], split["test"]["types"]
    if tested >= trained or not tuned:
        return []
    others = "the other one is" if trained - tested == 1 else f"the other {trained - tested:,} are"
    return [
        f"Of {trained:,} product types that are trained on, {tested:,} are tested; {others} too small to be split fairly."
    ]


def _chosen(comparison: dict[str, Any], best: Best) -> str:
    name = best.metric.replace("_", " ")
    text = f"{best.version} is chosen as the best on the {best.pairs:,} validation questions, by {name} ({best.value:.3f})"
    row = next((row for row in comparison["totals"] if row["name"] == best.metric), None)
    place = comparison["versions"].index(best.version)
    if row is None or row["value"][place] is None:
        return f"{text}."
    return f"{text}; on the test set it is {_with_interval(comparison, row, best.version)}."


def _alike(comparison: dict[str, Any], leading: str) -> str:
    """Return a sentence on the versions whose exact match on the test set is not certainly another; '' where there is none."""
    versions, everything = comparison["versions"], comparison["slices"][0]
    right = dict(zip(versions, everything["right"], strict=True))
    alike = []
    for other in (name for name in in_chain(versions) if name != leading):
        half = half_width(everything, versions, leading, other)
        if half is not None and abs(right[other] - right[leading]) / everything["pairs"] <= half:
            alike.append(other)
    if not alike:
        return ""
    return (
        f"The test set shows no certain difference in exact match between {leading} and {', '.join(alike)}."
    )


def _on_blind(comparison: dict[str, Any], leading: str, blind: float) -> str:
    text = f"A blind guess, the most frequent training answer to the question, scores {blind:.3f}"
    row = next((row for row in comparison["totals"] if row["name"] == "skill"), None)
    place = comparison["versions"].index(leading)
    if row is None or row["value"][place] is None:
        return f"{text}."
    skill = f"{leading} has a skill of {_with_interval(comparison, row, leading)}"
    return f"{text}; {skill}, where 0 is that guess and 1 is always right."


def _with_interval(comparison: dict[str, Any], row: dict[str, Any], version: str) -> str:
    place, images = comparison["versions"].index(version), comparison["slices"][0]["images"]
    text = f"{row['value'][place]:.3f}"
    # Two images of the same score would have an interval without width.
    if row["low"][place] is None or images < FEWEST_IMAGES:
        return text
    return f"{text} (95\u00a0% interval {row['low'][place]:.3f} to {row['high'][place]:.3f})"


def _extremes(comparison: dict[str, Any], leading: str) -> list[dict[str, Any]]:
    table, place = pd.DataFrame(comparison["slices"]), comparison["versions"].index(leading)
    table["share"] = [right[place] for right in table["right"]] / table["pairs"]
    extremes = []
    for name, entry in SLICES.items():
        if not entry.in_report:
            continue
        large = (table["pairs"] >= SMALLEST_SLICE) & (table["images"] >= FEWEST_IMAGES)
        rows = table[(table["slice"] == name) & large]
        if len(rows) > 1:
            ordered = rows.sort_values(["share", "pairs", "value"], ascending=[False, False, True])
            best, worst = ordered.iloc[0], ordered.iloc[-1]
            extremes.append({"kind": entry.label, "best": _extreme(best), "worst": _extreme(worst)})
    return extremes


def _extreme(row: pd.Series) -> dict[str, str]:
    return {"value": row["value"], "share": f"{row['share']:.3f}", "pairs": f"{row['pairs']:,}"}
