"""`vqatune timings`: print the seconds and the peak memory of the stages' last runs here."""

import argparse

from vqatune.report.terminal.history import show_timings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command: none."""


def run(chosen: argparse.Namespace) -> None:
    """Print the seconds and the peak memory of the stages' last runs here."""
    show_timings()
