"""Rights in the images, texts and weights, and the terms of their licences for redistribution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vqatune.report.markdown_text import code


@dataclass(frozen=True)
class Rights:
    """The rights in a published dataset or model."""

    license: str | None
    """As the hub names it; None where it is not known here."""
    text: str
    """What the card says."""


_ABO = (
    "The pictures, and what the listings say, are from [Amazon Berkeley Objects]"
    "(https://amazon-berkeley-objects.s3.amazonaws.com/index.html), (c) Amazon.com, under [CC BY 4.0]"
    "(https://creativecommons.org/licenses/by/4.0/). Credit for the data, including all images: Amazon.com. Credit for "
    "building the dataset, archives and benchmark sets: Matthieu Guillaumin (Amazon.com), Thomas Dideriksen "
    "(Amazon.com), Kenan Deng (Amazon.com), Himanshu Arora (Amazon.com), Jasmine Collins (UC Berkeley) and Jitendra "
    "Malik (UC Berkeley). What was changed: a part of the listings and pictures was chosen, and questions and answers "
    "were added; the pictures' bytes are as they were published."
)
_SHOWROOM = (
    "The pictures were drawn, and what the listings say was made up, by a program; they show no product of anybody. No "
    "licence is given with them."
)
_MUSEUM = _SHOWROOM.replace("no product of anybody", "no museum's objects").replace("listings", "records")
_BLIP = (
    "The base model is BLIP by Salesforce, under the [BSD-3-Clause licence]"
    "(https://opensource.org/license/bsd-3-clause); its copyright notice and terms go with it, and with this adapter."
)


def data_rights(source: str, given: str | None) -> Rights:
    """Return the rights in the dataset.

    Args:
        source: where the archives came from: `raw.source`.
        given: the licence that whoever publishes it names, if any.
    """
    if source == "abo":
        return Rights(given or "cc-by-4.0", _ABO)
    if source in ("showroom", "drawn_museum"):
        drawn = _SHOWROOM if source == "showroom" else _MUSEUM
        text = (
            drawn if given is None else drawn.replace("No licence is given", f"The licence {given} is given")
        )
        return Rights(given, text)
    text = "The pictures come from a catalogue of whoever published this dataset"
    if given is None:
        return Rights(
            None, f"{text}; under what licence is not said here: ask before you use or pass them on."
        )
    return Rights(given, f"{text}, under the licence {given}.")


def model_rights(base: Mapping[str, Any], on_hub: bool) -> Rights:
    """Return the rights in an adapter on a base model (the section `model` of the parameters)."""
    if on_hub and base["name"].startswith("Salesforce/blip-"):
        return Rights("bsd-3-clause", _BLIP)
    if on_hub:
        return Rights(
            None,
            f"What the licence of the base model, {code(base['name'])}, asks goes for this adapter, too.",
        )
    if base["source"] == "hub":
        return Rights(
            None, "The base model is not on the hub; under what licence it may be used is not said here."
        )
    return Rights(None, "The base model was made from nothing by a program. No licence is given with it.")
