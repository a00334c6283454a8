"""Pictures with their metadata and their pairs, kept and dropped, as one HTML file."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.generation.checks.checks import CHECKS
from vqatune.loading.archive import read_bytes
from vqatune.report.page.document import write_document
from vqatune.report.page.examples import thumbnail

TEMPLATE = Path(__file__).parent / "assets" / "pairs.html.j2"
SCRIPTS = ("common", "pairs")
"""The page's own scripts, in their order."""
SIZE = 320
"""The longer side of an image that is shown, in pixels."""
_LONGEST_FIELD = 400
"""Characters of a field of the metadata that are shown."""


@dataclass(frozen=True)
class PairsPage:
    """What the page shows."""

    title: str
    images: pd.DataFrame
    """image_id, item_id, product_type, metadata (JSON, field → list of values), archive, offset, length: a row an image, in
    their order on the page."""
    pairs: pd.DataFrame
    """The columns of tables.CHECKED: of these images; `check` is missing for those that are kept."""
    counts: Sequence[tuple[str, str]] = ()
    """Further figures: (text of the number, what is counted)."""
    sentences: Sequence[str] = ()
    """What is to be said before the pictures."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """image_id → why it has no pairs."""


def write_pairs_page(content: PairsPage, path: Path) -> None:
    """Write the page; the same content gives the same bytes. Raises ArchiveError where the images' archive is missing."""
    pairs = content.pairs
    checks = pairs["check"].value_counts()
    dropped = [(name, int(checks[name])) for name in CHECKS if name in checks.index]
    cards = _cards(content)
    types, kinds = (sorted(pairs[name].dropna().unique()) for name in ("product_type", "question_type"))
    write_document(
        TEMPLATE,
        SCRIPTS,
        path,
        with_charts=False,
        page_title=content.title,
        counts=[
            (f"{len(content.images):,}", "pictures"),
            (f"{len(pairs):,}", "pairs"),
            (f"{int(pairs['check'].isna().sum()):,}", "kept"),
            *([(f"{int(checks.sum()):,}", "dropped")] if len(checks) else []),
            *content.counts,
        ],
        sentences=content.sentences,
        dropped=_dropped_table(dropped, len(pairs)),
        checks=[name for name, _ in dropped],
        types=sorted({*types, *(card["type"] for card in cards)}),
        kinds=kinds,
        cards=cards,
        shown=len(pairs),
    )


def _dropped_table(dropped: Sequence[tuple[str, int]], pairs: int) -> pd.DataFrame:
    rows = [(_words(name), f"{count:,}", f"{count / pairs:.1%}") for name, count in dropped]
    return pd.DataFrame(rows, columns=["check", "pairs dropped", "of all pairs"])


def _cards(content: PairsPage) -> list[dict[str, Any]]:
    rows_of = {image: rows for image, rows in content.pairs.groupby("image_id", sort=False)}
    return [
        {
            "id": image.image_id,
            "item": image.item_id,
            "type": image.product_type,
            "fields": _fields(image.metadata),
            "pairs": _rows(rows_of.get(image.image_id)),
            "reason": content.reasons.get(image.image_id),
            **_picture(image),
        }
        for image in content.images.itertuples(index=False)
    ]


def _picture(image: Any) -> dict[str, str | None]:
    """Return the picture as a data URI, or why there is none."""
    try:
        small = thumbnail(read_bytes(image.archive, int(image.offset), int(image.length)), SIZE)
    except ValueError as error:
        return {"source": None, "closed": str(error)}
    return {"source": "data:image/jpeg;base64," + base64.b64encode(small).decode(), "closed": None}


def _fields(metadata: str) -> list[tuple[str, str]]:
    shown = []
    for name, values in json.loads(metadata).items():
        text = "; ".join(map(str, values))
        cut = text if len(text) <= _LONGEST_FIELD else text[: _LONGEST_FIELD - 1] + "…"
        shown.append((_words(name), cut))
    return shown


def _rows(pairs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return the pairs of an image: those that are kept first, then by check."""
    if pairs is None:
        return []
    order = {name: place for place, name in enumerate(CHECKS)}
    rows = [
        {
            "question": pair.question,
            "answer": pair.answer,
            "difficulty": "" if pd.isna(pair.difficulty) else str(int(pair.difficulty)),
            "kind": "" if pd.isna(pair.question_type) else pair.question_type,
            "check": None if pd.isna(pair.check) else pair.check,
            "why": None if pd.isna(pair.check) else _words(pair.check),
        }
        for pair in pairs.itertuples(index=False)
    ]
    return sorted(rows, key=lambda row: -1 if row["check"] is None else order[row["check"]])


def _words(name: str) -> str:
    return name.replace("_", " ")
