"""`vqatune table`: print the scores of all versions."""

import argparse
from pathlib import Path

from vqatune.report.terminal.history import show_history


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(chosen: argparse.Namespace) -> None:
    """Print the scores of all versions."""
    show_history(Path("metrics/history.csv"))
