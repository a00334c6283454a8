"""`vqatune estimate`: what the model's replies that are missing will take."""

import argparse

from vqatune.inspection.estimate import as_asked, estimate
from vqatune.inspection.pilot import read_sampled
from vqatune.params import load_params
from vqatune.report.terminal.estimate import show_estimates

PROVIDERS = ("gemini", "gemini_batch", "gemini_legacy", "openai", "local")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--provider", choices=PROVIDERS, help="instead of generate.provider")
    parser.add_argument("--model", metavar="NAME", help="instead of generate.model")
    parser.add_argument(
        "--price",
        nargs=2,
        type=float,
        metavar=("IN", "OUT"),
        help="US dollars per million input and output tokens, instead of generate.price",
    )


def run(chosen: argparse.Namespace) -> None:
    """Print requests, tokens, dollars and hours."""
    params = load_params()
    asked = as_asked(params.generate, chosen.provider, chosen.model, chosen.price)
    show_estimates(estimate(read_sampled(), asked, params.compute))
