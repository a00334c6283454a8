"""What a stranger's text becomes in Markdown: itself."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from vqatune.report.markdown_text import code, inline

HOSTILE = [
    "<script>alert(1)</script> &amp; <!-- ",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "[ref]: https://evil.example",
    "https://evil.example www.evil.example <https://evil.example>",
    "`code` ``more`` ```fence",
    "a | b \\| c",
    "red\n\n# Heading\n- list\n| a | b |\n|---|---|",
    "**bold** _em_ __strong__ ~~struck~~ $x$ @someone #1",
    "- no list",
    "\x1b[2J\u202e",
    "exact_match",
]


def rendered(text: str) -> str:
    """Return what Markdown of a cell shows, and fail where it is more than text."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(f"| a |\n| --- |\n| {text} | \n")
    cell = re.fullmatch(
        r"<table>.*<tbody>\s*<tr>\s*<td>(.*)</td>\s*</tr>\s*</tbody>\s*</table>\s*", page, re.DOTALL
    )
    assert cell and "<" not in cell[1], page
    return html.unescape(cell[1])


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_is(text):
    assert "\x1b" not in inline(text) and "\n" not in inline(text)
    shown = rendered(inline(text))
    for control, escape in (("\x1b", "\\x1b"), ("\u202e", "\\u202e")):
        text = text.replace(control, escape)
    assert shown == " ".join(text.split())


def test_an_address_makes_no_link_by_itself():
    assert inline("https://evil.example www.evil.example") == r"https\://evil.example www\.evil.example"
    assert inline("exact_match") == "exact_match"


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "x\n\n<b>"])
def test_code_is_one_span(text):
    page = MarkdownIt("commonmark", {"html": True}).render(code(text))
    assert page == f"<p><code>{html.escape(' '.join(text.split()))}</code></p>\n"
