"""The products of the showroom: their attributes, random products, and their descriptions in catalogue fields.

Every described attribute is visible in the image, so that questions about it can be answered from the pixels. The
sample catalogue and the training of the tiny base model use the same products.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vqatune.tables.hash_ranks import hash_rank, unit

Option = TypeVar("Option")

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 34, 40),
    "orange": (247, 134, 16),
    "yellow": (250, 218, 44),
    "green": (32, 156, 66),
    "blue": (30, 92, 214),
    "purple": (126, 52, 178),
    "pink": (250, 128, 186),
    "brown": (118, 70, 34),
    "black": (26, 26, 30),
    "grey": (142, 142, 148),
}
"""Body colours by name, as RGB."""

INKS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": COLORS["black"],
    "yellow": (255, 232, 40),
    "red": (226, 20, 30),
}
"""Colours of printed emblems by name, as RGB."""

PATTERNS = ("solid", "striped", "dotted", "checkered")
MOTIFS = ("circle", "square", "triangle", "star", "heart", "diamond")
POSITIONS = ("top", "bottom", "left", "right", "center")
STYLES = ("classic", "modern")
FINISHES = ("glossy", "matte")
COUNTS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Kind:
    """The properties of a product type.

    `material` and `shapes`: values of the catalogue's fields (shapes may be empty); `printable`: the body has space for
    emblems; `aspect`: aspect ratio (width / height) of the image.
    """

    material: str
    shapes: tuple[str, ...] = ()
    printable: bool = False
    aspect: float = 1.0


KINDS: dict[str, Kind] = {
    "CELLULAR_PHONE_CASE": Kind("Plastic", ("rectangular",), True, 0.74),
    "SHOES": Kind("Leather", aspect=1.42),
    "CHAIR": Kind("Wood", aspect=0.78),
    "HANDBAG": Kind("Leather", printable=True, aspect=0.92),
    "LAMP": Kind("Metal", aspect=0.76),
    "TABLE": Kind("Wood", aspect=1.36),
    "SOFA": Kind("Polyester", aspect=1.42),
    "HAT": Kind("Felt", aspect=1.34),
    "DRINKING_CUP": Kind("Ceramic", ("cylindrical",), True, 1.14),
    "PILLOW": Kind("Cotton", ("square", "round"), True, 1.06),
    "RUG": Kind("Wool", ("rectangular", "round"), True, 1.1),
    "BACKPACK": Kind("Nylon", printable=True, aspect=0.82),
    "SUITCASE": Kind("Polycarbonate", ("rectangular",), True, 0.76),
    "CLOCK": Kind("Plastic", ("round", "square"), aspect=0.94),
    "BOTTLE": Kind("Glass", ("cylindrical",), aspect=0.7),
    "BOOT": Kind("Leather", aspect=0.9),
    "SHIRT": Kind("Cotton", printable=True, aspect=1.1),
    "STORAGE_BOX": Kind("Cardboard", ("square",), True, 1.06),
    "BED": Kind("Wood", aspect=1.38),
    "UMBRELLA": Kind("Polyester", aspect=1.04),
    "VASE": Kind("Ceramic", aspect=0.76),
    "RECREATION_BALL": Kind("Rubber", ("round",), True, 1.06),
    "ABIS_BOOK": Kind("Paper", ("rectangular",), True, 0.8),
    "WATCH": Kind("Stainless Steel", ("round", "square"), aspect=0.72),
    "GUITARS": Kind("Wood", aspect=0.72),
    "LADDER": Kind("Aluminum", aspect=0.72),
    "KITCHEN_KNIFE": Kind("Stainless Steel", aspect=1.4),
    "LOCK": Kind("Brass", aspect=0.84),
    "TENT": Kind("Nylon", ("triangular",), aspect=1.3),
    "FINERING": Kind("Sterling Silver", aspect=0.9),
}
"""Kinds of product by ABO's product type, from the most listed to the rarest."""


@dataclass(frozen=True)
class Product:
    """The attributes of a product.

    `shape` is None for kinds without shapes; without a print, `motif`, `ink` and `position` are None
    and `count` is 0.
    """

    kind: str
    color: str
    pattern: str
    style: str
    finish: str
    shape: str | None = None
    motif: str | None = None
    count: int = 0
    ink: str | None = None
    position: str | None = None


def choose(options: Sequence[Option], seed: int, *key: Hashable) -> Option:
    """Return one of the options, as a function of the seed and the key."""
    return options[hash_rank(seed, *key) % len(options)]


def inks_on(color: str) -> list[str]:
    """Return the inks with enough contrast to a body colour."""
    body = COLORS[color]
    return [
        name
        for name, ink in INKS.items()
        if sum((a - b) ** 2 for a, b in zip(ink, body, strict=True)) > 150**2
    ]


def random_product(
    seed: int,
    *key: Hashable,
    kind: str | None = None,
    colors: Sequence[str] = tuple(COLORS),
    inks: Sequence[str] = tuple(INKS),
) -> Product:
    """Return a random product, as a function of the seed and the key, of the given kind or of any.

    Two of three printable products have a print. `colors` and `inks` limit the choice.
    """
    kind = kind or choose(tuple(KINDS), seed, *key, "kind")
    features = KINDS[kind]
    color = choose(colors, seed, *key, "color")
    product = Product(
        kind=kind,
        color=color,
        pattern=choose(PATTERNS, seed, *key, "pattern"),
        style=choose(STYLES, seed, *key, "style"),
        finish=choose(FINISHES, seed, *key, "finish"),
        shape=choose(features.shapes, seed, *key, "shape") if features.shapes else None,
    )
    if not features.printable or unit(seed, *key, "plain") < 1 / 3:
        return product
    return Product(
        **vars(product)
        | {
            "motif": choose(MOTIFS, seed, *key, "motif"),
            "count": choose(COUNTS, seed, *key, "count"),
            "ink": choose([ink for ink in inks_on(color) if ink in inks], seed, *key, "ink"),
            "position": choose(POSITIONS, seed, *key, "position"),
        }
    )


_POSITION_PHRASES = {
    "top": "at the top",
    "bottom": "at the bottom",
    "left": "on the left",
    "right": "on the right",
    "center": "in the center",
}


def print_line(product: Product) -> str:
    """Return the bullet point about the print, such as '3 white stars printed at the top'."""
    if product.motif is None:
        return "Plain front without print"
    plural = "s" if product.count > 1 else ""
    return (
        f"{product.count} {product.ink} {product.motif}{plural} printed {_POSITION_PHRASES[product.position]}"
    )


def describe(product: Product) -> dict[str, list[str]]:
    """Return the product's English catalogue fields: ABO's field name → list of values."""
    fields = {
        "product_type": [product.kind],
        "color": [product.color.title()],
        "color_code": ["#{:02X}{:02X}{:02X}".format(*COLORS[product.color])],
        "pattern": [product.pattern.title()],
        "style": [product.style.title()],
        "finish_type": [product.finish.title()],
        "material": [KINDS[product.kind].material],
        "bullet_point": [print_line(product)] if KINDS[product.kind].printable else [],
        "item_shape": [product.shape.title()] if product.shape else [],
    }
    return {name: values for name, values in fields.items() if values}
