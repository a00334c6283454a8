"""Links from the page to some of its examples: the fields of their filters in an address, and what they find."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

FIELDS = {"difficulty": "difficulty", "question_type": "kind", "product_type": "type"}
"""A slice → the field of the filters that chooses a value of it."""


def example_link(wanted: Mapping[str, str]) -> str:
    """Return the address, within the page, of the examples that some filters choose.

    wanted: field → text; the fields are those of FIELDS and a, ar, b and br: two versions and whether their answers are
    right or wrong.
    """
    return f"#examples?{urlencode(wanted)}" if wanted else "#examples"


def count_examples(examples: Mapping[str, Any], wanted: Mapping[str, str]) -> int:
    """Return to how many questions of the examples (see example_data) the filters of a link lead."""
    return sum(
        _is_wanted(examples, image, question, wanted)
        for image in examples["images"]
        for question in image["questions"]
    )


def _is_wanted(
    examples: Mapping[str, Any], image: Mapping[str, Any], question: list[Any], wanted: Mapping[str, str]
) -> bool:
    _, _, difficulty, kind, _, _, right = question
    has = {
        "difficulty": "" if difficulty is None else str(difficulty),
        "kind": "" if kind is None else examples["texts"][kind],
        "type": image["type"],
    }
    for version, outcome in (("a", "ar"), ("b", "br")):
        if outcome in wanted:
            place = examples["versions"].index(wanted[version])
            has |= {version: wanted[version], outcome: "right" if right[place] == "1" else "wrong"}
    return all(has.get(field, text) == text for field, text in wanted.items())
