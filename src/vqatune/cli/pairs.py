"""`vqatune pairs`: print the numbers of pairs dropped by each check, and the distribution of the kept ones."""

import argparse

from vqatune.report.terminal.pairs import show_pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(chosen: argparse.Namespace) -> None:
    """Print the numbers of pairs dropped by each check, and the distribution of the kept ones."""
    show_pairs()
