"""Lists as Python, numpy, pandas and datasets write them into a cell of text.

A literal is read without being run: texts, numbers, True, False, None and nan, in lists, tuples, sets and dicts, with
commas between the items or, as numpy prints arrays, spaces; and calls such as `array(['red'], dtype=object)` and
`np.str_('red')`, which stand for their first argument.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

_DEEPEST = 20
_CONSTANTS = {"True": True, "False": False, "None": None, "nan": None, "NaN": None}
_CALLS = re.compile(r"(?:(?:np|numpy)\.)?(?:array|str_|bool_?|u?int\d*|float\d*)")
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_TOKEN = re.compile(
    r"""(?P<space>\s*)(?:
        (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<sign>[\[\](){},:=])
    )""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    spaced: bool
    """Whether there is white space before it."""


def parse_literal(text: str) -> Any:
    """Return the value of a literal, its numbers as the text that they are; tuples, sets and arrays are lists.

    Raises ValueError where the text is no such literal, or has a text in it that is half a character.
    """
    tokens = [*_tokens(text.strip()), _Token("end", "", False)]
    value, place = _value(tokens, 0, 0)
    if tokens[place].kind != "end":
        raise ValueError("text after the literal")
    return value


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"no literal at character {place + 1}")
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], bool(match["space"]))
        place = match.end()


def _value(tokens: list[_Token], place: int, depth: int) -> tuple[Any, int]:
    """Return the value that starts at a token, and the place of the token after it."""
    if depth > _DEEPEST:
        raise ValueError("lists in too many lists")
    kind, text, _ = tokens[place]
    if kind == "text":
        return _unquoted(text), place + 1
    if kind == "number":
        return text, place + 1
    if text in _CONSTANTS:
        return _CONSTANTS[text], place + 1
    if kind == "name" and _CALLS.fullmatch(text) and tokens[place + 1].text == "(":
        return _call(tokens, place + 1, depth + 1)
    if text in _CLOSING and kind == "sign":
        return _group(tokens, place, depth + 1)
    raise ValueError(f"{text!r} is no value")


def _unquoted(literal: str) -> str:
    if "\\" not in literal:
        return literal[1:-1]
    with warnings.catch_warnings():
        # Of an escape that Python does not have, and so did not write.
        warnings.simplefilter("error")
        try:
            text = str(ast.literal_eval(literal))
        except (SyntaxError, Warning) as error:
            raise ValueError(f"{literal} is no text") from error
    # An escape may stand for half a character, which is no text.
    text.encode()
    return text


def _group(tokens: list[_Token], place: int, depth: int) -> tuple[Any, int]:
    """Return the list or dict that opens at a token, and the place after it; a bracketed single value is itself."""
    opening, closing = tokens[place].text, _CLOSING[tokens[place].text]
    place += 1
    items: list[Any] = []
    values: dict[Any, Any] = {}
    separated = True
    while tokens[place].text != closing or tokens[place].kind != "sign":
        if not separated and not (opening == "[" and tokens[place].spaced):
            raise ValueError("two values with nothing between them")
        item, place = _value(tokens, place, depth)
        if opening == "{" and _is_sign(tokens[place], ":"):
            if not isinstance(item, str):
                raise ValueError("a key that is no text")
            values[item], place = _value(tokens, place + 1, depth)
        else:
            items.append(item)
        separated = _is_sign(tokens[place], ",")
        place += separated
    if values and items:
        raise ValueError("values with and without a key")
    if opening == "(" and len(items) == 1 and not separated:
        return items[0], place + 1
    return (values if values or (opening == "{" and not items) else items), place + 1


def _call(tokens: list[_Token], place: int, depth: int) -> tuple[Any, int]:
    """Return the first argument of the call whose bracket opens at a token, and the place after it."""
    value, place = _value(tokens, place + 1, depth)
    while _is_sign(tokens[place], ","):
        if tokens[place + 1].kind != "name" or not _is_sign(tokens[place + 2], "="):
            raise ValueError("a call with several arguments")
        # A type by its name, as text or by name, or a shape.
        named = tokens[place + 3]
        place = place + 4 if named.kind in ("name", "text") else _value(tokens, place + 3, depth)[1]
    if not _is_sign(tokens[place], ")"):
        raise ValueError("a call without its end")
    return value, place + 1


def _is_sign(token: _Token, sign: str) -> bool:
    return token.kind == "sign" and token.text == sign
