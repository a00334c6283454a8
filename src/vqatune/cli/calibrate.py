"""`vqatune calibrate`: fit a version's temperature, by which --abstain-below compares its probabilities."""

import argparse
from pathlib import Path

from vqatune.evaluation.calibration.version import calibrate
from vqatune.inference.answering.abstaining import CALIBRATION, digest_of, validation_predictions
from vqatune.report.terminal.calibration import show_calibration
from vqatune.runtime.output import say
from vqatune.runtime.terminal import Terminal
from vqatune.tables import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("version", metavar="VERSION", help="such as v13 or base")


def run(chosen: argparse.Namespace) -> None:
    """Print what the temperature changes, and keep it."""
    root, version = Path(), chosen.version
    found = calibrate(version, root)
    path = root / CALIBRATION / f"{version}.json"
    kept = {"temperature": found.temperature, "predictions": digest_of(validation_predictions(root, version))}
    measured = found.measured.set_index("set").to_dict("index")
    write_json(kept | measured, path)
    show_calibration(found, version, Terminal())
    say(f"{path} holds the temperature")
