"""The argument --abstain-below, shared by the commands that answer questions."""

import argparse
from pathlib import Path

from vqatune.inference.answering.abstaining import CALIBRATION, Abstaining, abstaining_of
from vqatune.runtime.output import say


def add_abstain_argument(parser: argparse.ArgumentParser) -> None:
    """Add --abstain-below."""
    parser.add_argument(
        "--abstain-below",
        metavar="P",
        type=_threshold,
        help="give no answer whose probability (of choices: share) is below P, above 0 and at most 1; `vqatune calibrate` makes "
        "probabilities comparable with shares of right answers",
    )


def chosen_abstaining(below: float | None, version: str, models: Path) -> Abstaining | None:
    """Return which answers of a version are not given, and say on stderr where a temperature is used; None without `below`.

    Raises DataError as `abstaining_of` does.
    """
    found = abstaining_of(below, version, models)
    if found is not None and found.temperature != 1:
        say(
            f"{version}: probabilities are calibrated before they are compared with {below:g} "
            f"(T = {found.temperature:.3g}, {CALIBRATION / version}.json)",
            error=True,
        )
    return found


def _threshold(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no probability above 0 and at most 1")
    return number
