"""`vqatune demo`: serve a local page for asking versions about an image, two at a time."""

import argparse
from pathlib import Path

from vqatune.cli.model_arguments import add_models_argument, add_quantization_argument
from vqatune.demo.server import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--port",
        type=int,
        default=7860,
        help="the port on 127.0.0.1 (default: 7860); 0 for any free one",
    )
    add_models_argument(parser)
    add_quantization_argument(parser)
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def run(chosen: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    serve(chosen.models, Path("data"), chosen.port, chosen.open, chosen.quantization)
