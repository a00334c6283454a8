"""`vqatune zoo`: print the scores of the zoo's models, and what they take."""

import argparse
from pathlib import Path

from vqatune.report.terminal.zoo import show_zoo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(chosen: argparse.Namespace) -> None:
    """Print the zoo's table."""
    show_zoo(Path("metrics/zoo.csv"))
