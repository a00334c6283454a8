"""`vqatune pairs`: print which checks dropped pairs, and how the kept ones are spread."""

import argparse

from vqatune.report.terminal.pairs import show_pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(chosen: argparse.Namespace) -> None:
    """Print which checks dropped pairs, and how the kept ones are spread."""
    show_pairs()
