"""What templates ask about: the difficulty and question type of each slot and field, and the placeholders of the wordings.

The wordings themselves are in `languages/`, a file a language.
"""

from typing import NamedTuple


class Slot(NamedTuple):
    """A thing to ask about: difficulty (0, 1, 2, 3 or 5), question type, and the placeholders of its wordings.

    Every wording has all of `fills`: `{word}` is the value that a yes-or-no question asks about, `{color}` and `{pattern}`
    are two. Beside them it may have `{thing}`, the product's noun, unless the noun is the answer (`names_thing` is false).
    """

    difficulty: int
    question_type: str
    fills: tuple[str, ...] = ()
    names_thing: bool = True


SLOTS = {
    "object": Slot(0, "object", names_thing=False),
    "color": Slot(0, "color"),
    "pattern": Slot(1, "pattern"),
    "is color": Slot(0, "color", ("word",)),
    "is pattern": Slot(1, "pattern", ("word",)),
    "is finish": Slot(2, "material", ("word",)),
    "is object": Slot(0, "object", ("word",), names_thing=False),
    "style": Slot(2, "style"),
    "finish": Slot(2, "material"),
    "shape": Slot(1, "shape"),
    "material": Slot(2, "material"),
    "function": Slot(3, "function"),
    "pocket": Slot(3, "size"),
    "too big": Slot(3, "size"),
    "both": Slot(5, "pattern", ("color", "pattern")),
}
"""The slots that every language has."""

PRINT_SLOTS = {
    "is motif": Slot(1, "shape", ("word",)),
    "is printed": Slot(0, "pattern"),
    "motif": Slot(1, "shape"),
    "count": Slot(1, "count"),
    "position": Slot(2, "position"),
    "ink": Slot(2, "color"),
    "more than": Slot(3, "count", ("word",)),
    "fewer than": Slot(3, "count", ("word",)),
    "half": Slot(3, "position", ("word",)),
    "compare light": Slot(3, "color", ("word",)),
    "one more": Slot(5, "count"),
    "one less": Slot(5, "count"),
    "double": Slot(5, "count"),
    "corners": Slot(5, "shape"),
}
"""The slots about prints, which English alone has."""

ATTRIBUTES = {
    "type": Slot(0, "object", names_thing=False),
    "color": Slot(0, "color", names_thing=False),
    "subject": Slot(1, "object", names_thing=False),
    "shape": Slot(1, "shape", names_thing=False),
    "pattern": Slot(1, "pattern", names_thing=False),
    "material": Slot(2, "material", names_thing=False),
    "technique": Slot(2, "material", names_thing=False),
    "style": Slot(2, "style", names_thing=False),
    "finish": Slot(2, "material", names_thing=False),
    "period": Slot(3, "style", names_thing=False),
    "place": Slot(3, "other", names_thing=False),
    "title": Slot(3, "other", names_thing=False),
    "date": Slot(5, "other", names_thing=False),
    "creator": Slot(5, "other", names_thing=False),
    "language": Slot(5, "text", names_thing=False),
    "collection": Slot(5, "other", names_thing=False),
    "institution": Slot(5, "other", names_thing=False),
    "rights": Slot(5, "other", names_thing=False),
    "accession_number": Slot(5, "text", names_thing=False),
    "dimensions": Slot(5, "size", names_thing=False),
    "brand": Slot(5, "text", names_thing=False),
    "manufacturer": Slot(5, "text", names_thing=False),
    "model_name": Slot(5, "text", names_thing=False),
    "model_number": Slot(5, "text", names_thing=False),
    "model_year": Slot(5, "other", names_thing=False),
    "item_weight": Slot(5, "size", names_thing=False),
    "item_dimensions": Slot(5, "size", names_thing=False),
    "size": Slot(5, "size", names_thing=False),
    "price": Slot(5, "other", names_thing=False),
    "country": Slot(5, "other", names_thing=False),
}
"""The fields of the metadata that are asked for by name, of which the value is the answer: every language has all of them."""

OPTIONS = {
    "color": ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey"),
    "pattern": ("solid", "striped", "dotted", "checkered"),
    "finish": ("glossy", "matte"),
    "noun": ("case", "shoe", "chair", "bag", "lamp", "table", "sofa", "hat", "cup", "pillow", "rug", "clock"),
}
"""What yes-or-no questions ask about where the answer is no, by feature."""
