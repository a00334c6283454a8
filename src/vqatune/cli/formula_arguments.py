"""The argument of the commands that write CSV which people may open in a spreadsheet."""

import argparse


def add_formula_argument(parser: argparse.ArgumentParser, default: bool) -> None:
    """Add --quote-formulas and --no-quote-formulas.

    default: whether cells are quoted without either; no file that a program reads back should have them quoted unasked.
    """
    parser.add_argument(
        "--quote-formulas",
        action=argparse.BooleanOptionalAction,
        default=default,
        help="in CSV, an apostrophe before texts that a spreadsheet would run as formulas (begin with = + - @, no numbers)"
        + (" (default)" if default else "; a program that reads the file gets it, too (default: not)"),
    )
