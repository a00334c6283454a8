"""Output of the commands that print scores: their arguments, JSON and notes."""

import argparse
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from vqatune.cli.terminal_encoding import is_unicode
from vqatune.report.terminal.scores import to_json
from vqatune.runtime.output import say_json


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
    say_json(to_json(content, escape_all=not is_unicode()))


def print_notes(notes: Iterable[str], console: Console) -> None:
    """Print notes on what was read as they are, a line each."""
    for line in notes:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
