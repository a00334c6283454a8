"""`vqatune pairs`: the checks' figures and the distribution of the pairs in the terminal, or the pairs as a page."""

import argparse

from vqatune.cli.page_arguments import add_page_arguments, check_page, open_page
from vqatune.errors import ParameterError
from vqatune.params import load_params
from vqatune.report.pairs.stage import write_stage_page
from vqatune.report.terminal.pairs import show_pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--page", action="store_true", help="write a page of pictures with their pairs, kept and dropped"
    )
    parser.add_argument(
        "--of",
        default="generate",
        metavar="NAME",
        help="with --page: generate (the default), train, validation, test, or a master batch such as 01",
    )
    parser.add_argument(
        "--images", type=int, default=100, metavar="N", help="with --page: how many pictures (default: 100)"
    )
    add_page_arguments(parser, "pairs.html")


def run(chosen: argparse.Namespace) -> None:
    """Print the figures, or write the page."""
    if not chosen.page:
        show_pairs()
        return
    if chosen.images < 1:
        raise ParameterError(f"--images {chosen.images}: a page shows one picture or more")
    check_page(chosen.out)
    write_stage_page(chosen.of, chosen.images, load_params().seed, chosen.out)
    open_page(chosen.out, chosen)
