"""Cleans the values of a listing: plain text without HTML, placeholders such as "n/a" dropped."""

import html
import re

NONE_LIKE = frozenset(
    (
        "",
        "none",
        "null",
        "nil",
        "nan",
        "na",
        "n/a",
        "n.a.",
        "not applicable",
        "not available",
        "-",
        "--",
        ".",
        "?",
    )
)
"""Placeholders for a missing value, in lower case."""

# Inline tags, removed without a space; every other tag becomes a space.
_INLINE = frozenset(
    re.split(
        r"\W+",
        "a abbr b bdi bdo big cite code del em font i ins kbd mark q s small span strong sub sup u wbr",
    )
)

# Not html.parser, whose results on malformed HTML differ between patch releases of Python. As in HTML, an unclosed
# comment or script hides the rest; an unclosed tag is text, as is the < of "size < 5". Possessive quantifiers (*+)
# keep the search linear.
_MARKUP = re.compile(
    r"""<!--.*?(?:-->|\Z)
    | <(?P<unseen>script|style)\b[^<>]*>.*?(?:</(?P=unseen)\s*>|\Z)
    | <[!?][^<>]*>
    | </?(?P<tag>[a-z][a-z0-9:-]*)\b(?:=\s*"[^"]*"|=\s*'[^']*'|[^<>])*+>""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)


def without_html(text: str) -> str:
    """Return the visible text of HTML on one line, with white space collapsed."""
    # Twice, because catalogues also hold HTML that was escaped twice.
    for _ in range(2):
        if "<" in text:
            text = _MARKUP.sub(_space_or_nothing, text)
        if "&" not in text:
            break
        text = html.unescape(text)
    return " ".join(text.split())


def _space_or_nothing(markup: re.Match) -> str:
    return "" if (markup["tag"] or "").lower() in _INLINE else " "


def clean(value: object) -> str:
    """Return a JSON value of a listing as text; "" for a missing value or a placeholder.

    Of an object, its `value`, followed by its `unit` where it has one (ABO's weights and lengths).
    """
    unit = None
    if isinstance(value, dict):
        value, unit = value.get("value"), value.get("unit")
    if isinstance(value, str):
        text = without_html(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
    else:
        return ""
    if text.lower() in NONE_LIKE:
        return ""
    return f"{text} {unit}" if isinstance(unit, str) else text
