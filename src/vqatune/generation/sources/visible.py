"""Visible attributes of a product, extracted from its metadata.

Only words from closed lists count: 'navy blue' is blue, 'Mushroom' is unknown, and so is a phrase that names two
colours. Sizes, weights, prices, brands, model numbers and pack counts are ignored.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from vqatune.generation.sources.lexicon import (
    COLOR_UNSEEN,
    FUNCTIONS,
    LARGE,
    NOUNS,
    PHRASES,
    SMALL,
    VAGUE,
    WORDS,
)


@dataclass(frozen=True, slots=True)
class Print:
    """Emblems printed on a product; `ink` is None where their colour is unknown."""

    count: int
    motif: str
    position: str
    ink: str | None


@dataclass(frozen=True, slots=True)
class Visible:
    """Visible attributes, as single lower-case words; None where unknown.

    `function` is the product's purpose; `pocket_sized` and `function` follow from the noun. `plain` is true where the
    metadata says that nothing is printed.
    """

    noun: str | None
    color: str | None
    pattern: str | None
    shape: str | None
    material: str | None
    style: str | None
    finish: str | None
    print: Print | None
    plain: bool
    function: str | None
    pocket_sized: bool | None


def visible(metadata: dict[str, list[str]], product_type: str) -> Visible:
    """Return the visible attributes of a product.

    `metadata` maps ABO's field names to plain text values in English; `product_type` is ABO's, such as SHOES.
    """
    noun = noun_of(product_type)
    get = metadata.get
    printed, plain = _print_of(get("bullet_point") or ())
    return Visible(
        noun=noun,
        color=None if product_type in COLOR_UNSEEN else _only("color", tuple(get("color") or ())),
        pattern=_only("pattern", tuple(get("pattern") or ())),
        shape=None if _JEWELLERY.search(product_type) else _only("shape", tuple(get("item_shape") or ())),
        material=_only("material", (*(get("material") or ()), *(get("fabric_type") or ()))),
        style=_only("style", tuple(get("style") or ())),
        finish=_only("finish", tuple(get("finish_type") or ())),
        print=printed,
        plain=plain,
        function=FUNCTIONS.get(noun),
        pocket_sized=True if noun in SMALL else False if noun in LARGE else None,
    )


@lru_cache(maxsize=4096)
def noun_of(product_type: str) -> str | None:
    """Return the noun for products of a type ('case' for CELLULAR_PHONE_CASE), None where it is vague."""
    if product_type in NOUNS:
        return NOUNS[product_type]
    words = re.findall(r"[a-z]+", product_type.lower())
    return words[-1] if words and words[-1] not in VAGUE and len(words[-1]) > 2 else None


@lru_cache(maxsize=65536)
def _only(feature: str, values: tuple[str, ...]) -> str | None:
    """Return the one visible word of a feature in the values, None where there is none or more than one."""
    words = WORDS[feature]
    text = " ".join(values).lower()
    for phrase, meaning in PHRASES.items():
        text = text.replace(phrase, meaning)
    found = {words[word] for word in re.findall(r"[a-z]+", text) if word in words}
    return found.pop() if len(found) == 1 and "" not in found else None


def _print_of(bullets: list[str] | tuple[str, ...]) -> tuple[Print | None, bool]:
    for text in bullets:
        if "print" not in text:
            continue
        if match := _PRINT.search(text):
            number, ink, motif, position = (part and part.lower() for part in match.groups())
            count = _NUMBERS.index(number) + 1 if number in _NUMBERS else int(number)
            if 1 <= count <= len(_NUMBERS):
                return Print(
                    count, motif, "center" if position in ("centre", "middle") else position, ink
                ), False
        elif _NO_PRINT.search(text):
            return None, True
    return None, False


_NUMBERS = ("one", "two", "three", "four", "five", "six")
_PRINT = re.compile(
    rf"\b([1-6]|{'|'.join(_NUMBERS)})\s+"
    r"(?:(white|black|grey|red|orange|yellow|green|blue|purple|pink|brown)\s+)?"
    r"(circle|square|triangle|star|heart|diamond)s?\s+printed\s+(?:at|on|in)\s+the\s+"
    r"(top|bottom|left|right|center|centre|middle)\b",
    re.IGNORECASE,
)
_NO_PRINT = re.compile(r"\b(?:without|no) print\b", re.IGNORECASE)
_JEWELLERY = re.compile("RING|NECKLACE|BRACELET|JEWEL")
