"""`vqatune demo`: serve a page for asking versions about an image, two at a time."""

import argparse
from pathlib import Path

from vqatune.cli.model_arguments import add_models_argument, add_quantization_argument
from vqatune.cli.server_arguments import add_listening_arguments
from vqatune.demo.server import PORT, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_listening_arguments(parser, PORT)
    add_models_argument(parser)
    add_quantization_argument(parser)
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--share",
        action="store_true",
        help="get a public address from Gradio, through whose server the page is reached (as in Colab); needs a token",
    )


def run(chosen: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    serve(
        chosen.models,
        Path("data"),
        chosen.port,
        chosen.open,
        chosen.host,
        chosen.token,
        chosen.share,
        chosen.quantization,
    )
