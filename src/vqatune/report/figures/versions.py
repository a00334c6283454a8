"""The report's figures of the versions: their scores, the loss within each, and exact match by slice."""

from collections.abc import Sequence
from pathlib import Path

from vqatune.params.versions import BASE, BLIND
from vqatune.report.figures.figure import Section
from vqatune.report.figures.loss import loss_figure
from vqatune.report.figures.scores import score_figures
from vqatune.report.figures.slices import slice_figures
from vqatune.report.history import in_chain
from vqatune.report.stage_outputs import read_counts


def version_sections(root: Path, versions: Sequence[str], leading: str) -> list[Section]:
    """Return the sections on the versions: scores, losses, and exact match by slice.

    Args:
        root: a checkout, of which metrics/<version>.json, metrics/intervals, metrics/by and models/<version>/log.csv are
            read.
        versions: in the order of the chain, the base first; the blind guess may stand before it.
        leading: the version that charts mark and of which texts speak.

    Raises DataError where a version has no scores, or none was tuned.
    """
    last = versions[-1]
    counts = read_counts(root / f"metrics/{last}.json", f"eval@{last}", "pairs", "images")
    pairs, images = counts["pairs"], counts["images"]
    count = len(in_chain(versions)) - 1
    marked = "" if leading == BASE else f", and a solid one {leading}, of which this page speaks"
    tuned = f" and {count} version{'s' * (count > 1)} tuned from it" if count else ""
    scores = (
        f"The base model{tuned}, measured on {pairs:,} questions about {images:,} test images. Bands are 95\u00a0% "
        f"intervals; a dotted vertical line marks the base model, which has not been tuned{marked}. A click on a name in the legend keeps "
        "that line and dims the others; another click takes it back."
    )
    if BLIND in versions:
        scores += (
            " A dashed line across, in the colour of its score, is the blind guess: the most frequent training answer to the "
            "question, by one who sees no image."
        )
    learning = "Each version is tuned from the one before on one more master batch of the training data."
    right = (
        "The share of the test questions that are answered exactly as the reference is, version by version."
    )
    learned = [loss_figure(root, versions)] if count else []
    return [
        Section("scores", "The versions", scores, score_figures(root, versions, leading)),
        *([Section("learning", "How they learned", learning, learned)] if learned else []),
        Section("slices", "Where they are right", right, slice_figures(root, versions, leading)),
    ]
