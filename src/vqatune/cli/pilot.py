"""`vqatune pilot`: pairs for a few images, as a page, before a model is asked about all of them."""

import argparse

from vqatune.cli.page_arguments import add_page_arguments, check_page, open_page
from vqatune.errors import ParameterError
from vqatune.inspection.estimate import estimate
from vqatune.inspection.pilot import read_sampled, run_pilot
from vqatune.params import load_params
from vqatune.report.pairs.pilot import write_pilot_page
from vqatune.report.terminal.estimate import show_estimates, show_pilot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--images", type=int, default=50, metavar="N", help="how many images are asked about (default: 50)"
    )
    add_page_arguments(parser, "pilot.html")


def run(chosen: argparse.Namespace) -> None:
    """Ask about the images, write the page, and print what the rest will take."""
    if chosen.images < 1:
        raise ParameterError(f"--images {chosen.images}: a pilot asks about one image or more")
    check_page(chosen.out)
    params, sampled = load_params(), read_sampled()
    pilot = run_pilot(sampled, params, chosen.images)
    write_pilot_page(pilot, params.generate, chosen.out)
    show_pilot(pilot, params.generate)
    if pilot.generated.summary["model"]:
        show_estimates(estimate(sampled, params.generate, params.compute))
    open_page(chosen.out, chosen)
