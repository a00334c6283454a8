"""`vqatune pairs`: the checks' figures and the distribution of the pairs, the pairs as a page, or two generators compared."""

import argparse

from vqatune.cli.page_arguments import add_page_arguments, check_page, open_page
from vqatune.errors import ParameterError
from vqatune.generation.checks.reviews import read_reviews, settle
from vqatune.inspection.drawn_pairs import reviews_path
from vqatune.inspection.generator_figures import compare_generators
from vqatune.inspection.generators import load_generator
from vqatune.inspection.pilot import read_sampled
from vqatune.params import load_params
from vqatune.report.pairs.stage import write_stage_page
from vqatune.report.terminal.generators import show_comparison
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
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two generators on the same images: a model or a prompt of stored replies, 'MODEL PROMPT', a generator of the "
        "pairs, or a file of recorded pairs",
    )
    for letter in "ab":
        parser.add_argument(
            f"--price-{letter}",
            nargs=2,
            type=float,
            metavar=("IN", "OUT"),
            help=f"with --compare: US dollars per million tokens of {letter.upper()} (default: generate.price, for its model)",
        )


def run(chosen: argparse.Namespace) -> None:
    """Print the figures, write the page, or compare."""
    if chosen.compare:
        _compare(chosen)
    elif chosen.page:
        if chosen.images < 1:
            raise ParameterError(f"--images {chosen.images}: a page shows one picture or more")
        check_page(chosen.out)
        write_stage_page(chosen.of, chosen.images, load_params().seed, chosen.out)
        open_page(chosen.out, chosen)
    else:
        show_pairs()


def _compare(chosen: argparse.Namespace) -> None:
    params, sampled = load_params(), read_sampled()
    prices = chosen.price_a, chosen.price_b
    first, second = (
        load_generator(name, sampled, params.generate, price)
        for name, price in zip(chosen.compare, prices, strict=True)
    )
    path = reviews_path(params)
    reviews = settle(read_reviews(path)) if path.exists() else {}
    show_comparison(compare_generators(first, second, reviews))
