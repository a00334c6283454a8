"""Output in encodings that lack characters."""

import sys

from vqatune.runtime.output import say


def is_unicode() -> bool:
    """Tell whether the standard output can show every character."""
    return (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"


def print_text(text: str) -> None:
    """Print text as it is; characters that the terminal's encoding lacks become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    say(text.encode(encoding, "replace").decode(encoding), end="")
