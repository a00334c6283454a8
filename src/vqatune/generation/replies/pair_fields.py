"""The fields of a pair: the names that models give them, and the conversion of their values."""

import json
import re
from typing import Any

from vqatune.generation.checks.checks import DIFFICULTIES

_spellings = {
    "question": ("question", "q", "questiontext"),
    "answer": ("answer", "a", "ans", "answertext", "response"),
    "difficulty": ("difficulty", "level", "difficultylevel"),
    "question_type": ("questiontype", "type", "qtype", "category"),
}
_part_of = {spelling: part for part, spellings in _spellings.items() for spelling in spellings}
_levels: dict[Any, int | None] = {None: None, "": None} | {str(level): level for level in DIFFICULTIES}


def field_named(name: str) -> str | None:
    """Return the field of a pair that a name such as 'Q', 'ANSWER', 'questionType' or 'Question 3' means, if any."""
    return _part_of.get(re.sub(r"[\W\d_]+", "", name).lower()) if len(name) <= 40 else None


def make_pair(
    question: Any, answer: Any, difficulty: Any = None, question_type: Any = None
) -> dict[str, Any]:
    """Return a pair as parse_pairs does, from JSON values whose numbers are given as text."""
    return {
        "question": _text(question),
        "answer": _text(answer),
        "difficulty": _level(difficulty),
        "question_type": None if question_type is None else _text(question_type).strip().lower() or None,
    }


def is_level(text: str) -> bool:
    """Tell whether a text can stand for a difficulty: a whole number, in or out of range."""
    return re.fullmatch(r"-?\d{1,3}(\.0+)?", text) is not None


def _level(value: Any) -> int | None:
    """Return the difficulty that a value stands for; None where it is missing, -1 where there is no such one."""
    if not isinstance(value, str):
        return None if value is None else -1
    if value in _levels:
        return _levels[value]
    try:
        number = float(value)
    except ValueError:
        return -1 if value.strip() else None
    return int(number) if number in DIFFICULTIES else -1


def _text(value: Any) -> str:
    if isinstance(value, str):
        # JSON can spell half a character, which no file can hold.
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None:
        return ""
    try:
        return _text(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return ""
