"""`vqatune profile`: set params.yaml for a purpose."""

import argparse
from pathlib import Path

from vqatune.params.profiles import apply_profile
from vqatune.runtime.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("name", help="a file in profiles/ without .yaml, or showroom: back to the defaults")


def run(chosen: argparse.Namespace) -> None:
    """Set the parameters and print what changed."""
    changed = apply_profile(chosen.name, Path("profiles"), Path("params.yaml"))
    for line in changed:
        say(line)
    say(f"params.yaml is set for {chosen.name}" + ("" if changed else " already"))
