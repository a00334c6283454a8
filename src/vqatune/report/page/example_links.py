"""Links from the page to some of its examples: the fields of their filters in an address, and what they find."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.scoring.confusion import EMPTY, NO_TYPE
from vqatune.report.figures.confusion import Cell, CellExamples

FIELDS = {"difficulty": "difficulty", "question_type": "kind", "product_type": "type"}
"""A slice → the field of the filters that chooses a value of it."""


def example_link(wanted: Mapping[str, str]) -> str:
    """Return the address, within the page, of the examples that some filters choose.

    wanted: field → text; the fields are those of FIELDS, ref (the reference in plain form), a, ar, b and br (two versions
    and whether their answers are right or wrong), and said (what b answers, in plain form).
    """
    return f"#examples?{urlencode(wanted)}" if wanted else "#examples"


def cell_examples(examples: Mapping[str, Any], version: str) -> dict[Cell, CellExamples]:
    """Return the examples of each cell of a version's confusion table that has some.

    A cell of pairs without a question type has a link only where no example has a type: the filters cannot choose it among
    others.

    examples: what example_data returns.
    """
    place = examples["versions"].index(version)
    forms = [plain(text) or EMPTY for text in examples["texts"]]
    counts: Counter[Cell] = Counter()
    for image in examples["images"]:
        for _, reference, _, kind, given, _, _ in image["questions"]:
            kind = NO_TYPE if kind is None else examples["texts"][kind]
            counts[Cell(kind, forms[reference], forms[given[place]])] += 1
    untyped = all(cell.question_type == NO_TYPE for cell in counts)
    return {
        cell: CellExamples(_cell_link(cell, version), count)
        for cell, count in counts.items()
        if untyped or cell.question_type != NO_TYPE
    }


def _cell_link(cell: Cell, version: str) -> str:
    return example_link(_of_reference(*cell[:2]) | {"b": version, "said": cell.prediction})


def wrong_link(question_type: str, reference: str, version: str) -> str:
    """Return the address of the examples of a reference, in plain form, in questions of a type that a version answers wrong."""
    return example_link(_of_reference(question_type, reference) | {"b": version, "br": "wrong"})


def _of_reference(question_type: str, reference: str) -> dict[str, str]:
    return ({} if question_type == NO_TYPE else {"kind": question_type}) | {"ref": reference}


def count_examples(examples: Mapping[str, Any], wanted: Mapping[str, str]) -> int:
    """Return to how many questions of the examples (see example_data) the filters of a link lead.

    wanted: as for `example_link`, less ref and said.
    """
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
