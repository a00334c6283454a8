"""Visible attributes of a product, extracted from its metadata.

Only words from closed lists, those of the files in `languages/`, count: 'navy blue' is blue, 'Mushroom' is unknown, and
so is a phrase that names two colours. Sizes, weights, prices, brands, model numbers and pack counts are ignored.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from vqatune.generation.sources.language_files import ENGLISH, load_language
from vqatune.generation.sources.product_types import COLOR_UNSEEN, FUNCTIONS, LARGE, NOUNS, SMALL, VAGUE


@dataclass(frozen=True, slots=True)
class Print:
    """Emblems printed on a product; `ink` is None where their colour is unknown."""

    count: int
    motif: str
    position: str
    ink: str | None


@dataclass(frozen=True, slots=True)
class Visible:
    """Visible attributes, as English single lower-case words whatever the listing's language; None where unknown.

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


def visible(metadata: dict[str, list[str]], product_type: str, code: str = ENGLISH) -> Visible:
    """Return the visible attributes of a product.

    `metadata` maps ABO's field names to plain text values in the language of the code; `product_type` is ABO's, such as
    SHOES, or a word of that language.
    """
    noun = noun_in(product_type, code)
    get = metadata.get
    printed, plain = _print_of(get("bullet_point") or ()) if code == ENGLISH else (None, False)

    def only(feature: str, *fields: str) -> str | None:
        return _only(feature, tuple(value for field in fields for value in get(field) or ()), code)

    return Visible(
        noun=noun,
        color=None if product_type in COLOR_UNSEEN else only("color", "color"),
        pattern=only("pattern", "pattern"),
        shape=None if _JEWELLERY.search(product_type) else only("shape", "item_shape"),
        material=only("material", "material", "fabric_type"),
        style=only("style", "style"),
        finish=only("finish", "finish_type"),
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


@lru_cache(maxsize=4096)
def noun_in(product_type: str, code: str) -> str | None:
    """Return the English noun for products of a type that may be in the language of the code, None where it is vague."""
    english, language = noun_of(product_type), load_language(code)
    if language.nouns is None:
        return english
    found = language.readers["noun"].meanings_in(language.plain(product_type))
    # In ABO's types other languages find words of their own: TABLE_LAMP is no table in French.
    if not found or (english in language.nouns and _ABO_TYPE.fullmatch(product_type)):
        return english
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=65536)
def _only(feature: str, values: tuple[str, ...], code: str) -> str | None:
    """Return the one visible word of a feature in the values, None where there is none or more than one."""
    language = load_language(code)
    found = language.readers[feature].meanings_in(language.plain(" ".join(values)))
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
_ABO_TYPE = re.compile("[A-Z0-9_]+")
_JEWELLERY = re.compile("RING|NECKLACE|BRACELET|JEWEL")
