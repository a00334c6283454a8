"""Training examples for tiny models: drawn images, what they show by name, and whether a name is right.

No image is one of the catalogue. Kinds of product are told apart by letters and digits: a lesson says neither what a product
is called nor what it is for or made of, and its wording is not that of the catalogue's questions. All this is left to tuning.
"""

from collections import Counter
from string import ascii_lowercase, digits

import numpy as np

from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.museum.drawing import draw as draw_object
from vqatune.showroom.museum.drawing import framing
from vqatune.showroom.museum.objects import VIEWS, MuseumObject, random_object, shown
from vqatune.showroom.museum.wording import LANGUAGES, every_word, say
from vqatune.showroom.products import (
    COLORS,
    COUNTS,
    FINISHES,
    INKS,
    KINDS,
    MOTIFS,
    PATTERNS,
    POSITIONS,
    STYLES,
    Product,
    choose,
    random_product,
)
from vqatune.tables.hash_ranks import hash_rank

Lesson = tuple[np.ndarray, list[tuple[str, str]]]
"""An image, uint8 (size, size, 3), and its (question, answer) pairs."""

CHECKS = 3
"""Names of an image that a lesson asks whether they are right."""
FEW = 2
"""What is named of a product with a print, beside the print, which is hardest to learn."""
PRINTABLE = tuple(name for name, kind in KINDS.items() if kind.printable)
NUMBERS = ("zero", "one", "two", "three", "four")
SILHOUETTES = dict(zip(KINDS, ascii_lowercase + digits, strict=False))
"""Kind of product → a character for its silhouette, which is no word for it."""
OUTLINES = tuple(sorted({shape for kind in KINDS.values() for shape in kind.shapes}))
NAMES: dict[str, tuple[str, ...]] = {
    "silhouette": tuple(SILHOUETTES.values()),
    "color": tuple(COLORS),
    "pattern": PATTERNS,
    "style": STYLES,
    "finish": FINISHES,
    "outline": OUTLINES,
    "mark": MOTIFS,
    "number of marks": tuple(NUMBERS[count] for count in COUNTS),
    "ink of the marks": tuple(INKS),
    "place of the marks": POSITIONS,
}
"""What is named of a product, and all its names."""
_MEANINGS = Counter(name for names in NAMES.values() for name in names)
"""Name → how many things it is a name of."""


def draw_examples(
    numbers: list[int], seed: int, size: int, pictures: str = "showroom", only_names: bool = False
) -> list[Lesson]:
    """Draw a training example for each number.

    Args:
        numbers: each, with the seed, decides an example.
        seed: of all examples.
        size: of the images, in pixels.
        pictures: what they show: "showroom", products, or "museum", a museum's objects.
        only_names: every name of a product is asked for and none checked, for models that take for false what is not said.
    """
    if pictures == "museum":
        return [_museum_example(number, seed, size) for number in numbers]
    return [_product_example(number, seed, size, only_names) for number in numbers]


def answer_labels(pictures: str = "showroom") -> list[str]:
    """Return what a model of labels can answer: yes, no, numbers to ten, and every answer of a drawn example."""
    words = every_word() if pictures == "museum" else [name for names in NAMES.values() for name in names]
    return list(dict.fromkeys(["yes", "no", *map(str, range(11)), *words]))


def lesson_texts(pictures: str = "showroom") -> list[str]:
    """Return texts with every word of the lessons."""
    if pictures == "museum":
        return [*LANGUAGES, *every_word()]
    asked = [f"{verb} the {what}" for verb in ("name", "check") for what in NAMES]
    return ["check the marks", *asked, *answer_labels()]


def _product_example(number: int, seed: int, size: int, only_names: bool) -> Lesson:
    product = _random_product(number, seed)
    view = random_view(seed, "base", number)
    body, marks = _names_of_body(product), _names_of_marks(product)
    asked = list(body)
    if marks and not only_names:
        asked = sorted(body, key=lambda what: hash_rank(seed, "base asks", number, what))[:FEW]
    named = body | marks
    pairs = [(f"name the {what}", named[what]) for what in (*asked, *marks)]
    if not only_names:
        pairs += _checks(named, seed, number)
        if KINDS[product.kind].printable:
            pairs.append(("check the marks", "yes" if product.motif else "no"))
    return np.asarray(draw(product, view, (size, size))), pairs


def _random_product(number: int, seed: int) -> Product:
    """Return a product, two of three with a print, as prints are the hardest to learn."""
    if not number % 3:
        return random_product(seed, "base", number)
    kind = choose(PRINTABLE, seed, "base", number)
    product = random_product(seed, "base", number, kind=kind)
    attempt = 0
    while not product.motif:
        attempt += 1
        product = random_product(seed, "base", number, attempt, kind=kind)
    return product


def _names_of_body(product: Product) -> dict[str, str]:
    """Return what the image of a product shows, but for its print: a key of NAMES → its name."""
    named = {
        "silhouette": SILHOUETTES[product.kind],
        "color": product.color,
        "pattern": product.pattern,
        "style": product.style,
        "finish": product.finish,
    }
    if product.shape:
        named["outline"] = product.shape
    return named


def _names_of_marks(product: Product) -> dict[str, str]:
    """Return what is printed on a product, as `_names_of_body`; nothing where it has no print."""
    if not product.motif or not product.ink or not product.position:
        return {}
    return {
        "mark": product.motif,
        "number of marks": NUMBERS[product.count],
        "ink of the marks": product.ink,
        "place of the marks": product.position,
    }


def _checks(named: dict[str, str], seed: int, number: int) -> list[tuple[str, str]]:
    """Return questions whether a name is right, and their answers, which are as often yes as no."""
    checked = [choose(tuple(named), seed, "check", number, check) for check in range(CHECKS)]
    if "mark" in named:
        # Which mark it is takes longest to learn.
        checked[0] = "mark"
    return [_check(what, named[what], seed, number, check) for check, what in enumerate(checked)]


def _check(what: str, name: str, seed: int, *key: int) -> tuple[str, str]:
    right = hash_rank(seed, "check is right", *key) % 2
    if not right:
        others = [other for other in NAMES[what] if other != name]
        name = choose(others, seed, "check other", *key)
    # Of names that stand for one thing alone every other check has no more words.
    alone = _MEANINGS[name] == 1 and hash_rank(seed, "check alone", *key) % 2
    return f"check {name}" if alone else f"check the {what} {name}", "yes" if right else "no"


def _museum_example(number: int, seed: int, size: int) -> Lesson:
    """Draw an object that is in no museum, and name what its picture shows in one of the four languages."""
    thing = random_object(seed, "base", number)
    view = choose(VIEWS, seed, "base view", number)
    # Of another purpose than the museum's, whose objects are framed by their index.
    frame = framing(view, seed + 1, number)
    language = choose(LANGUAGES, seed, "base language", number)
    return np.asarray(draw_object(thing, frame, (size, size))), _object_pairs(thing, view, language)


def _object_pairs(thing: MuseumObject, view: str, language: str) -> list[tuple[str, str]]:
    seen = shown(thing, view)
    words = {
        "type": thing.kind,
        "material": thing.material,
        "shape": thing.shape,
        "pattern": thing.pattern,
        "subject": thing.subject,
        "period": thing.period,
        "place": thing.place,
    }
    return [(f"{language} {name}", say(word, language)) for name, word in words.items() if name in seen]
