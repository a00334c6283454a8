"""Text from elsewhere in Markdown: it is shown as it is, in one line, and makes no link, picture, table, code or HTML.

For GitHub's Markdown and what the Hugging Face hub makes of cards. An underscore within a word stays bare: it means nothing there,
and names such as exact_match can be read in the source.
"""

import re

from vqatune.errors import visible

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPECIAL = re.compile(
    # Signs of Markdown, of GitHub's mentions and of the hub's formulas.
    r"[\\`*\[\]|#~!@$]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    # What makes an address a link by itself, and a line a list or a heading.
    r"|:(?=//)|(?<=www)\."
    r"|^[-+=]",
    re.IGNORECASE,
)


def inline(text: object) -> str:
    """Return text that Markdown shows as it is, as a part of a line or a table's cell."""
    line = visible(" ".join(str(text).split()))
    line = _SPECIAL.sub(lambda found: f"\\{found[0]}", line)
    return re.sub("[&<>]", lambda found: _HTML[found[0]], line)


def code(text: object) -> str:
    """Return text as a span of code, outside of tables."""
    line = visible(" ".join(str(text).split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{line}{space}{fence}"
