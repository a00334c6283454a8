"""Lines of commands and stages on standard output and error: what they quote from elsewhere cannot steer the terminal.

Tables are printed on a runtime.terminal.Terminal; there is no other way to the screen (ruff's T20 refuses `print`).
"""

import re
import sys

from vqatune.errors import visible

# What JSON leaves as it is, of errors.visible's.
_CONTROL = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(text: object, *, error: bool = False, end: str = "\n", flush: bool = False) -> None:
    """Print text with control characters as escapes, on standard output or, as an `error`, on standard error."""
    print(visible(str(text)), file=sys.stderr if error else sys.stdout, end=end, flush=flush)


def say_json(text: str) -> None:
    """Print JSON, with control characters in its texts as JSON's own escapes: it says the same."""
    print(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
