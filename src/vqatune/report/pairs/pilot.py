"""The page of a pilot."""

from pathlib import Path

import pandas as pd

from vqatune.generation.client.usage import dollars
from vqatune.inspection.pilot import Pilot
from vqatune.params import GenerateParams
from vqatune.report.pairs.page import PairsPage, write_pairs_page
from vqatune.tables import CHECKED

_TIMES_A_BATCH = 2
"""What a single request costs in proportion to one in a batch job."""


def write_pilot_page(pilot: Pilot, params: GenerateParams, path: Path) -> None:
    """Write the page of a pilot: its pictures, their pairs, and what its replies took."""
    images = pilot.images.sort_values(["product_type", "image_id"])
    kept = pilot.kept.assign(check=pd.Series(None, index=pilot.kept.index, dtype="str"))
    pairs = pd.concat([kept, pilot.dropped], ignore_index=True)[CHECKED.names]
    summary = pilot.generated.summary
    asked = summary["model"] or params.provider
    write_pairs_page(
        PairsPage(
            title=f"A pilot of {asked}",
            images=images,
            pairs=pairs,
            counts=_usage(pilot, params),
            sentences=_sentences(pilot),
            reasons=pilot.generated.reasons,
        ),
        path,
    )


def pilot_dollars(pilot: Pilot, params: GenerateParams) -> float | None:
    """Return what the replies of a pilot have cost, in US dollars; None where the price is not known."""
    summary = pilot.generated.summary
    if "input_tokens" not in summary:
        return None
    cost = dollars(params.price, summary["input_tokens"], summary["output_tokens"])
    return cost if cost is None or not pilot.asked_singly else _TIMES_A_BATCH * cost


def _usage(pilot: Pilot, params: GenerateParams) -> list[tuple[str, str]]:
    summary = pilot.generated.summary
    if "input_tokens" not in summary:
        return []
    counts = [
        (f"{summary['input_tokens']:,}", "input tokens"),
        (f"{summary['output_tokens']:,}", "output tokens"),
    ]
    cost = pilot_dollars(pilot, params)
    return counts if cost is None else [*counts, (f"{cost:,.4f}", "US dollars")]


def _sentences(pilot: Pilot) -> list[str]:
    report = pilot.generated.report
    sentences = [f"{len(pilot.images):,} pictures, drawn evenly over the product types of the sample."]
    if pilot.generated.summary["model"]:
        sentences.append("All replies are stored: the full run asks about the rest only.")
    if report["images_without_pairs"]:
        sentences.append(f"{report['images_without_pairs']:,} of them have no pair that is kept.")
    return sentences
