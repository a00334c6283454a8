"""The objects of the drawn museum: their attributes, which of them a picture shows, and random objects.

Type, material, shape, pattern and subject are drawn. The period shows in the colour of two bands that a fifth of the
objects have lost; the place in the subject, which a tenth of the objects have from elsewhere. Creator, collection,
accession number and language are nowhere in the picture.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from vqatune.showroom.products import choose
from vqatune.tables.hash_ranks import hash_rank, unit

KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "VASE": (("slender", "rounded"), ("terracotta", "glazed ceramic", "porcelain", "bronze")),
    "COIN": (("round", "square"), ("gold", "silver", "bronze")),
    "PAINTING": (("rectangular", "oval"), ("oil on canvas", "tempera on panel")),
    "BOWL": (("shallow", "deep"), ("terracotta", "porcelain", "bronze", "silver")),
    "STATUETTE": (("standing", "seated"), ("marble", "bronze", "carved wood", "terracotta")),
    "MASK": (("oval", "triangular"), ("carved wood", "gold", "bronze")),
    "JUG": (("slender", "rounded"), ("terracotta", "glazed ceramic", "porcelain", "silver")),
    "PLATE": (("round", "octagonal"), ("glazed ceramic", "porcelain", "silver")),
    "BROOCH": (("round", "lozenge"), ("gold", "silver", "bronze")),
    "TAPESTRY": (("rectangular", "triangular"), ("wool", "silk")),
}
"""Kinds of objects, by product type, from the most frequent to the rarest: their shapes and their materials."""

PATTERNS = ("plain", "horizontal stripes", "dots", "checkerboard", "zigzag lines")
PLACES = {
    "sun": "Andes",
    "crescent moon": "Central Asia",
    "star": "Northern Italy",
    "fish": "Crete",
    "leaf": "West Africa",
    "eye": "Upper Egypt",
}
"""What an object depicts → the place where that is usual."""
SUBJECTS = tuple(PLACES)
PERIODS = ("Bronze Age", "Iron Age", "Middle Ages", "Renaissance", "Baroque")
LANGUAGES = ("Latin", "Greek", "Arabic", "Coptic")
COLLECTORS = ("Rossi", "Whitcombe", "Lindqvist", "Moreau", "Okafor", "Brandt", "Aldana", "Takeda")

WITH_BANDS = 0.8
"""The share of objects whose bands show the period."""
AT_HOME = 0.9
"""The share of objects whose subject is that of their place."""
WITH_DETAIL = 0.4
"""The share of objects that have a detail as their fourth picture."""

VIEWS = ("front", "light", "turned", "detail")
"""The pictures of an object, in their order: the whole from the front, in another light, turned, and a detail."""
DRAWN = ("type", "title", "material", "shape", "pattern", "subject", "place", "period")
"""The fields that a picture can show to some degree."""

_FIRST = (
    *("Agathe", "Bruno", "Cecilia", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jakob", "Katarina", "Luca"),
    *("Marta", "Nils", "Ottilie", "Pablo"),
)  # fmt: skip
_LAST = (
    *("Abendroth", "Bellini", "Castillo", "Duval", "Engström", "Ferrand", "Giordano", "Holloway", "Ibarra", "Jansen"),
    *("Kowalski", "Lacroix", "Montero", "Novak", "Oberlin", "Pereira"),
)  # fmt: skip


@dataclass(frozen=True)
class MuseumObject:
    """The attributes of an object, in English; kind is its product type.

    `banded`: it has the bands of its period. `language` is that of an inscription, None where it has none.
    """

    kind: str
    material: str
    shape: str
    pattern: str
    subject: str
    period: str
    place: str
    banded: bool
    creator: str
    collector: str
    accession_number: str
    language: str | None = None


def random_object(seed: int, *key: Hashable, kind: str | None = None) -> MuseumObject:
    """Return a random object, as a function of the seed and the key, of the given kind or of any."""
    kind = kind or choose(tuple(KINDS), seed, *key, "kind")
    shapes, materials = KINDS[kind]
    subject = choose(SUBJECTS, seed, *key, "subject")
    at_home = unit(seed, *key, "at home") < AT_HOME
    others = tuple(place for place in PLACES.values() if place != PLACES[subject])
    number = hash_rank(seed, *key, "number")
    return MuseumObject(
        kind=kind,
        material=choose(materials, seed, *key, "material"),
        shape=choose(shapes, seed, *key, "shape"),
        pattern=choose(PATTERNS, seed, *key, "pattern"),
        subject=subject,
        period=choose(PERIODS, seed, *key, "period"),
        place=PLACES[subject] if at_home else choose(others, seed, *key, "place"),
        banded=unit(seed, *key, "banded") < WITH_BANDS,
        creator=f"{choose(_FIRST, seed, *key, 'first name')} {choose(_LAST, seed, *key, 'last name')}",
        collector=choose(COLLECTORS, seed, *key, "collector"),
        accession_number=f"{1870 + number % 130}.{number // 130 % 900 + 1}",
        language=choose(LANGUAGES, seed, *key, "language") if kind in ("COIN", "PAINTING") else None,
    )


def shown(thing: MuseumObject, view: str) -> frozenset[str]:
    """Return the fields whose value a view of an object (one of VIEWS) shows.

    A detail has neither the outline, by which type, title and shape are known, nor the bands.
    """
    fields = {"material", "pattern", "subject"}
    if PLACES[thing.subject] == thing.place:
        fields.add("place")
    if view != "detail":
        fields |= {"type", "title", "shape"}
        if thing.banded:
            fields.add("period")
    return frozenset(fields)
