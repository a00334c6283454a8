"""`vqatune export`: write a version as a checkpoint of its own, with a model card."""

import argparse
from pathlib import Path

from vqatune.publishing.export import export_merged
from vqatune.runtime.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("version", help="such as v13")
    parser.add_argument(
        "--merged", metavar="DIR", required=True, type=Path, help="a folder that is new or empty"
    )


def run(chosen: argparse.Namespace) -> None:
    """Write the checkpoint and print where it is."""
    export_merged(chosen.version, chosen.merged)
    say(f"{chosen.merged} holds {chosen.version}, merged into its base model")
