"""The parameters that suit a catalogue of one's own, by what was found in it."""

from fractions import Fraction
from typing import Any

from vqatune.catalogue.look import Found, images_by_type
from vqatune.catalogue.sources.museum import says
from vqatune.catalogue.sources.pictures import ROWS
from vqatune.params import Params
from vqatune.params.section import UNSET

IMAGES_PER_VERSION = 100
"""Training images that a version needs, so that one more is worth its time."""
_TOKENS_OF_ANY_ANSWER = 32
"""predict.max_answer_tokens where answers may have several words; an answer ends where the model ends it."""
_FEW_IMAGES = 15_000
"""Up to so many images all are used, whatever their types."""


def settings_for(found: Found, params: Params, language: str | None) -> tuple[dict[str, Any], int | None]:
    """Return the parameters to set, nested as params.yaml is, and the most versions that the images are enough for."""
    raw: dict[str, Any] = {
        "source": found.source,
        "path": found.path or f"{UNSET}raw.path",
        "pictures": found.pictures or f"{UNSET}raw.pictures",
    }
    if found.dataset:
        raw["dataset"] = {"name": found.dataset}
    changes: dict[str, Any] = {"raw": raw}
    if found.extracted is None:
        return changes, None
    raw |= {"columns": found.columns.model_dump(), "language": language}
    if found.source == "museum":
        # Its columns are always the same.
        del raw["columns"]
    counts = list(images_by_type(found.extracted).values())
    images = sum(counts)
    changes["filter"] = {"languages": "all", "fields": "all"}
    if found.pairs or images <= _FEW_IMAGES:
        changes["sample"] = {"strategy": "all"}
    if (minimum := fitting_minimum(counts, params)) is not None:
        changes["split"] = {"minimum_images": minimum}
    unset = {"image": None, "question": None, "answer": None, "difficulty": None}
    if found.pairs:
        image = found.columns.pictures[0]
        changes["generate"] = {
            "provider": "recorded",
            # Without the pictures that lie within it, where it holds them.
            "path": found.path if found.source == "table" and not found.inside else f"data/raw/{ROWS}",
            "columns": found.pairs.model_copy(update={"image": image}).model_dump(),
            # What people bring themselves is kept, whatever its length.
            "answer_words": None,
        }
        changes["predict"] = {"max_answer_tokens": _TOKENS_OF_ANY_ANSWER}
    elif found.source == "museum" and found.table:
        changes["filter"]["one_language"] = True
        general = says(found.table, ("type", "subject", "material", "period", "place", "title"))
        changes["generate"] = {"attributes": general, "answer_words": None}
        changes["predict"] = {"max_answer_tokens": _TOKENS_OF_ANY_ANSWER}
    elif params.generate.provider == "recorded":
        changes["generate"] = {
            "provider": "template",
            "path": f"{UNSET}generate.path",
            "columns": unset,
            "answer_words": 1,
        }
    training = images * (1 - params.split.test_fraction - params.split.validation_fraction)
    return changes, max(1, int(training // IMAGES_PER_VERSION))


def fitting_minimum(counts: list[int], params: Params) -> int | None:
    """Return the largest split.minimum_images under which half of the images or more are of types that are tested.

    None: as it is. At 0, types of so few images that a share of them is less than one still give nothing.
    """
    present = params.split.minimum_images
    fraction = Fraction(str(params.split.test_fraction))
    for minimum in (present, *(step for step in (20, 10, 5, 2, 0) if step < present)):
        tested = [count for count in counts if count > minimum and round(fraction * count) > 0]
        if 2 * sum(tested) >= sum(counts):
            return None if minimum == present else minimum
    return None if present == 0 else 0
