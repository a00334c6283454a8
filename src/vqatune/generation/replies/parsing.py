"""Parsing of a model's text into question-answer pairs, with the names of the repairs that it took.

The requested format is JSON, {"qa_pairs": [{"question": …, "answer": …, "difficulty": …, "question_type": …}, …]}.
Other formats are parsed where their pairs are unambiguous; a pair that is cut off, damaged or ambiguous is left out.
"""

from dataclasses import dataclass
from typing import Any

from vqatune.generation.providers import ParsedReply
from vqatune.generation.replies.loose_json import DEEPEST, Doubled, Members, read_json, read_values
from vqatune.generation.replies.pair_fields import field_named, make_pair
from vqatune.generation.replies.text_formats import parse_text
from vqatune.generation.replies.thoughts import without_thoughts

REPAIRS = {
    "fences": "Markdown fences, or prose or thoughts around the pairs",
    "bare_list": "a list without the object around it",
    "other_key": "pairs that lie elsewhere than under qa_pairs",
    "json_lines": "several JSON values one after another, or pairs that are in no list",
    "cut_json": "JSON that is cut off: the complete pairs are kept",
    "cut_lines": "other text that is cut off: the last pair, which may not be complete, is dropped",
    "loose_json": "not quite JSON: commas too many or missing, Python's quotes and words, comments, line breaks in text",
    "other_names": "a part of a pair under another name, such as Q or level",
    "csv": "lines of CSV",
    "separators": "lines with '#', '%', '|' or a tab between the parts, or one line in which they separate pairs",
    "labels": "lines such as 'Q: …' and 'A: …'",
    "left_out": "something was damaged or fits two readings and is left out, others are kept",
}
"""Repairs of replies in other than the requested format, by name."""

_parts = frozenset({"question", "answer", "difficulty", "question_type"})


@dataclass(frozen=True, slots=True)
class ParsedPairs:
    """The pairs of a reply, in its order, and the sorted names of the REPAIRS that they took.

    A pair has question and answer (str, '' where missing), difficulty (one of DIFFICULTIES, None where missing, -1
    for any other) and question_type (str in lower case, not necessarily one of QUESTION_TYPES; None where missing).
    """

    pairs: list[dict[str, Any]]
    repairs: tuple[str, ...]


def extract_pairs(parsed: ParsedReply) -> ParsedPairs:
    """Return the pairs of a reply; of one that was cut off, those that are complete."""
    return parse_pairs(parsed.text, cut=parsed.finish != "stop")


def failure_kind(parsed: ParsedReply) -> str:
    """Return why a reply has no pairs: its finish reason, or 'not_as_asked'."""
    return parsed.finish if parsed.finish != "stop" else "not_as_asked"


def parse_pairs(text: str, cut: bool = False) -> ParsedPairs:
    """Return the question-answer pairs in a model's text, which may be any text; none where none is readable.

    `cut` says that the text was cut off: JSON shows where; in other formats the last pair is dropped then.
    """
    pairs = _as_asked(text)
    if pairs is not None:
        return ParsedPairs(pairs, ())
    repairs: set[str] = set()
    answer = without_thoughts(text)
    if answer != text.strip():
        repairs.add("fences")
        text = answer
    found = read_values(text)
    if found is not None:
        values, more = found
        pairs = _pairs_of_values(values, more)
    else:
        parts, more = parse_text(text)
        if cut and parts:
            parts.pop()
            more.add("cut_lines")
        pairs = [make_pair(**part) for part in parts]
    return ParsedPairs(pairs, tuple(sorted(repairs | more)) if pairs else ())


def _as_asked(text: str) -> list[dict[str, Any]] | None:
    """Return the pairs of a text in exactly the requested format; None for any other."""
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        return None
    items = value.get("qa_pairs") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    # A duplicate name, of which JSON keeps the last, shows in the counts.
    if not len(items) == text.count('"question"') == text.count('"answer"') or text.count('"qa_pairs"') > 1:
        return None
    pairs = []
    for item in items:
        if not (isinstance(item, dict) and item.keys() <= _parts and "question" in item and "answer" in item):
            return None
        pairs.append(
            make_pair(item["question"], item["answer"], item.get("difficulty"), item.get("question_type"))
        )
    return pairs


def _pairs_of_values(values: list[Any], repairs: set[str]) -> list[dict[str, Any]]:
    found = []
    for value in values:
        pairs, form = _pairs_of_root(value, repairs)
        if pairs:
            found.append((pairs, form))
    forms = {form for _, form in found}
    if len(found) > 1:
        forms = (forms - {"bare_list"}) | {"json_lines"}
    repairs |= forms - {None}
    return [pair for pairs, _ in found for pair in pairs]


def _pairs_of_root(value: Any, repairs: set[str]) -> tuple[list[dict[str, Any]], str | None]:
    """Return the pairs in one JSON value, and the repair that its structure takes, if any."""
    if isinstance(value, list) and not isinstance(value, Members):
        return _gather(value, repairs), "bare_list"
    asked = [element for name, element in _named(value) if name == "qa_pairs" and isinstance(element, list)]
    if asked:
        return _gather(asked, repairs), None
    return _gather(value, repairs), "json_lines" if _is_whole(_parts_of(value)[0]) else "other_key"


def _gather(value: Any, repairs: set[str], depth: int = 0) -> list[dict[str, Any]]:
    """Return the pairs that lie anywhere in a JSON value, in its order."""
    if depth > DEEPEST or not isinstance(value, dict | list):
        return []
    if isinstance(value, list) and not isinstance(value, Members):
        return [pair for element in value for pair in _gather(element, repairs, depth + 1)]
    parts, twice = _parts_of(value)
    if twice:
        repairs.add("left_out")
        return []
    if not _is_whole(parts):
        within = [pair for _, element in _named(value) for pair in _gather(element, repairs, depth + 1)]
        if within or not (parts.keys() >= {"question", "answer"} or "question" in value or "answer" in value):
            return within
    if any(part not in value for part in parts):
        repairs.add("other_names")
    return [make_pair(**({"question": None, "answer": None} | parts))]


def _named(value: dict[str, Any] | Members) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [(member[0], member[1]) for member in value if len(member) == 2]


def _parts_of(value: dict[str, Any] | Members) -> tuple[dict[str, Any], bool]:
    """Return an object's fields of a pair, and whether it has two questions or two answers; none of an incomplete one."""
    parts: dict[str, Any] = {}
    if isinstance(value, Members):
        return parts, isinstance(value, Doubled) and any(field_named(name) == "question" for name, _ in value)
    for name, element in value.items():
        part = field_named(name)
        # "Question 1" may be the name of a whole pair.
        if part is None or (isinstance(element, dict | Members) and name != part):
            continue
        if part in ("question", "answer") and part in parts:
            return {}, True
        if part not in parts or name == part:
            parts[part] = element
    return parts, False


def _is_whole(parts: dict[str, Any]) -> bool:
    """Tell whether there are a question and an answer, and both are text, numbers or the like."""
    return all(part in parts and not isinstance(parts[part], dict | list) for part in ("question", "answer"))
