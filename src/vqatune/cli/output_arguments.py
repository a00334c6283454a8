"""Output of the commands that print scores: their arguments, JSON and plain text."""

import argparse
import sys
from typing import Any

from vqatune.report.terminal.scores import to_json


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --metric and --json."""
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        help="only this one, such as exact_match (a wrong name lists them all); may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def print_json(content: Any) -> None:
    """Print JSON that the terminal's encoding can show."""
    # JSON can escape characters that the terminal's encoding lacks.
    unicode = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    print(to_json(content, escape_all=not unicode))


def print_text(text: str) -> None:
    """Print text as it is; characters that the terminal's encoding lacks become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end="")
