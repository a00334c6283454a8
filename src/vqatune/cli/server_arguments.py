"""Arguments shared by the commands that serve: where they listen, and the token."""

import argparse
import math

from vqatune.runtime.listening import LOOPBACK, TOKEN_VARIABLE


def add_listening_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    """Add --host, --port and --token."""
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        default=LOOPBACK,
        help=f"the address to listen at (default: {LOOPBACK}, this machine alone); 0.0.0.0 for all of this machine's, "
        "which needs a token",
    )
    parser.add_argument(
        "--port", type=int, default=port, help=f"the port (default: {port}); 0 for any free one"
    )
    parser.add_argument(
        "--token",
        metavar="TOKEN",
        help=f"what requests must bear; better set {TOKEN_VARIABLE}, as other users of this machine see command lines",
    )


def count(text: str) -> int:
    """Parse a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def seconds(text: str) -> float:
    """Parse a time above 0."""
    number = float(text)
    if not 0 < number or math.isinf(number):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return number
