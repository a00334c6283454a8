"""A listing's values as plain text: without HTML, without what only says that there is no value."""

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
"""Values (lower case) that stand for no value."""

# Text runs on through these tags; every other one sets it apart.
_INLINE = frozenset(
    re.split(
        r"\W+",
        "a abbr b bdi bdo big cite code del em font i ins kbd mark q s small span strong sub sup u wbr",
    )
)

# Not html.parser, which reads malformed HTML differently from one patch of Python to the next and stops at some.
# As HTML has it, a comment or a script that does not end hides the rest; a tag that does not end is text, as is
# the < of "size < 5". Possessive repeats (*+) keep the search linear.
_MARKUP = re.compile(
    r"""<!--.*?(?:-->|\Z)
    | <(?P<unseen>script|style)\b[^<>]*>.*?(?:</(?P=unseen)\s*>|\Z)
    | <[!?][^<>]*>
    | </?(?P<tag>[a-z][a-z0-9:-]*)\b(?:=\s*"[^"]*"|=\s*'[^']*'|[^<>])*+>""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)


def without_html(text: str) -> str:
    """Return the text that a reader of the HTML sees, on one line, its runs of white space as one space."""
    # Twice, because catalogues hold HTML that was escaped once more on its way there.
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
    """Return a JSON value of a listing as text: "" where it has none, or one that is None-like.

    Objects give their `value`, followed by their `unit` where they have one (ABO's weights and lengths).
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
