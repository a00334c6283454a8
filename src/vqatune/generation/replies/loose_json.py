"""A tolerant parser of JSON as models write it: fenced, after prose, in several pieces, cut off, or malformed.

Parts that are cut off or damaged are left out, never completed.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

DEEPEST = 32
"""The greatest nesting depth of lists and objects; no reply needs more."""


class Members(list):
    """The members of an object that is cut off or damaged: [name, value], or [name] without a value."""


class Doubled(Members):
    """The members of an object with a duplicate name."""


def _object(members: Iterable[tuple[str, Any]]) -> dict[str, Any] | Doubled:
    members = list(members)
    named = dict(members)
    return named if len(named) == len(members) else Doubled(members)


_numbers = {"parse_int": str, "parse_float": str, "parse_constant": str}
# Numbers stay text, as they were written: Python refuses whole numbers of more than 4,300 digits.
_quick = json.JSONDecoder(**_numbers)
_strict = json.JSONDecoder(object_pairs_hook=_object, **_numbers)
_relaxed_text = json.JSONDecoder(strict=False)

_start = re.compile(r"""\{(?=\s*(?:["'}]|/[/*]|\w+\s*:|\Z))|\[(?=\s*(?:["'{\[\]]|/[/*]|\Z))""")
_object_start = re.compile(r"""\{(?=\s*(?:["'}]|/[/*]|\w+\s*:|\Z))""")
_blank = re.compile(r"\s*")
_comments = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_quoted = {
    '"': re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL),
    "'": re.compile(r"'[^'\\\n]*(?:\\.[^'\\\n]*)*'"),
}
_escape = re.compile(r"\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_word = re.compile(r"[^\s\[\]{},:\"'/#]+")
_number = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_words = {"true": True, "false": False, "null": None, "NaN": "NaN", "Infinity": "Infinity"}
_python_words = {"True": True, "False": False, "None": None}


class _Cut(Exception):
    """The text ends within a value."""


class _Damaged(Exception):
    """There is an unexpected character at `at`."""

    def __init__(self, at: int) -> None:
        self.at = at


def read_json(text: str) -> Any:
    """Return the value of a JSON text; numbers stay text, and of duplicate names the last counts.

    Raises ValueError or RecursionError where the text is not JSON.
    """
    return _quick.decode(text)


def read_values(text: str) -> tuple[list[Any], set[str]] | None:
    """Return the lists and objects in a text, and the repairs; None for a text without any.

    Numbers stay text. An object that is cut off, damaged or has a duplicate name is returned as Members.
    The repairs are fences, cut_json, loose_json and left_out (an object was damaged beyond repair).
    """
    repairs: set[str] = set()
    found = _start.search(text)
    if found is None:
        return None
    values: list[Any] = []
    end = 0
    while found:
        _look_outside(text[end : found.start()], repairs)
        try:
            end = _value(text, found.start(), 0, values, repairs)
            found = _start.search(text, end)
        except _Damaged as damage:
            repairs.add("left_out")
            found = _start.search(text, damage.at)
            end = found.start() if found else len(text)
        except _Cut:
            repairs.add("cut_json")
            return values, repairs
    _look_outside(text[end:], repairs)
    return values, repairs


def _look_outside(text: str, repairs: set[str]) -> None:
    """Record the repair for the text between values: a surplus bracket, or fences and prose."""
    text = text.strip(" \t\r\n,;\ufeff")
    if text:
        repairs.add("fences" if text.strip("]} \t\r\n,;") else "loose_json")


def _value(text: str, at: int, depth: int, into: list[Any], repairs: set[str]) -> int:
    """Append the value at `at` to `into` and return its end; the complete parts of it stay if this raises."""
    mark = text[at]
    if mark in "{[":
        if depth >= DEEPEST:
            raise _Damaged(len(text))
        if mark == "{" or depth == 0:
            try:
                value, end = _strict.raw_decode(text, at)
            except (ValueError, RecursionError):
                pass
            else:
                into.append(value)
                return end
        return (_members if mark == "{" else _elements)(text, at + 1, depth, into, repairs)
    if mark in _quoted:
        value, end = _string(text, at, repairs)
        into.append(value)
        return end
    word = _word.match(text, at)
    if word is None:
        raise _Damaged(at)
    if word.end() == len(text):
        raise _Cut
    if word[0] in _python_words:
        repairs.add("loose_json")
        into.append(_python_words[word[0]])
    elif word[0] in _words or _number.fullmatch(word[0]):
        into.append(_words.get(word[0], word[0]))
    else:
        raise _Damaged(at)
    return word.end()


def _elements(text: str, at: int, depth: int, into: list[Any], repairs: set[str]) -> int:
    elements: list[Any] = []
    into.append(elements)
    separated = True
    while True:
        at = _next(text, at, repairs)
        mark = text[at]
        if mark == "]":
            if separated and elements:
                repairs.add("loose_json")
            return at + 1
        if mark == "}":
            # A list that was not closed ends with the object around it.
            repairs.add("loose_json")
            return at
        if mark == ",":
            if separated:
                repairs.add("loose_json")
            separated, at = True, at + 1
            continue
        if not separated:
            repairs.add("loose_json")
        separated = False
        try:
            at = _value(text, at, depth + 1, elements, repairs)
        except _Damaged as damage:
            repairs.add("left_out")
            following = _object_start.search(text, damage.at)
            if following is None:
                raise _Cut from None
            separated, at = True, following.start()


def _members(text: str, at: int, depth: int, into: list[Any], repairs: set[str]) -> int:
    members = Members()
    place = len(into)
    into.append(members)
    while True:
        at = _next(text, at, repairs)
        if text[at] == "}":
            if members:
                repairs.add("loose_json")
            into[place] = _object(members)
            return at + 1
        name, at = _name(text, at, repairs)
        at = _next(text, at, repairs)
        if text[at] != ":":
            raise _Damaged(at)
        member = [name]
        members.append(member)
        at = _value(text, _next(text, at + 1, repairs), depth + 1, member, repairs)
        at = _next(text, at, repairs)
        if text[at] == "}":
            into[place] = _object(members)
            return at + 1
        if text[at] != ",":
            raise _Damaged(at)
        at += 1


def _name(text: str, at: int, repairs: set[str]) -> tuple[str, int]:
    if text[at] in _quoted:
        return _string(text, at, repairs)
    word = _word.match(text, at)
    if word is None or not word[0].isidentifier():
        raise _Damaged(at)
    repairs.add("loose_json")
    return word[0], word.end()


def _string(text: str, at: int, repairs: set[str]) -> tuple[str, int]:
    quote = text[at]
    found = _quoted[quote].match(text, at)
    if found is None:
        if quote == '"' or text.find("\n", at) < 0:
            raise _Cut
        raise _Damaged(at)
    inner = found[0][1:-1]
    if quote == '"':
        try:
            return _strict.decode(found[0]), found.end()
        except ValueError:
            pass
    repairs.add("loose_json")
    inner = _escape.sub(_as_json, inner)
    if quote == "'":
        inner = re.sub(r'(\\.)|"', lambda part: part[1] or r"\"", inner, flags=re.DOTALL)
    try:
        return _relaxed_text.decode(f'"{inner}"'), found.end()
    except ValueError:
        raise _Damaged(at) from None


def _as_json(escape: re.Match[str]) -> str:
    """Return the JSON form of an escape of Python's, or of a character that Python or Markdown escapes."""
    if escape[1] or escape[2]:
        code = int(escape[1] or escape[2], 16)
        return json.dumps(chr(code))[1:-1] if code < 0x110000 else escape[0]
    return escape[3] if escape[3] in "'_*#`~()[]{}<>+-.!|&$%?:;=@^" else escape[0]


def _next(text: str, at: int, repairs: set[str]) -> int:
    """Return the position of the next character after blanks and comments."""
    at = _blank.match(text, at).end()
    if text[at : at + 1] in ("/", "#"):
        after = _comments.match(text, at).end()
        if after > at:
            repairs.add("loose_json")
        at = after
    if at == len(text):
        raise _Cut
    return at
