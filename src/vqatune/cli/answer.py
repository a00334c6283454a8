"""`vqatune answer`: answer a file of questions."""

import argparse
import sys
from pathlib import Path

from vqatune.cli.models import add_model_arguments
from vqatune.errors import Stopped
from vqatune.inference.answering.answer_file import answer_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "questions", metavar="QUESTIONS", type=Path, help="a CSV in UTF-8 with a line of column names"
    )
    parser.add_argument(
        "--images",
        metavar="DIR",
        required=True,
        type=Path,
        help="where the pictures are; they are found by path, name or id, in folders in it, too",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("answers.csv"),
        help="a new file; answers.csv if not given",
    )
    parser.add_argument("--version", metavar="NAME", help="such as v13 or base; the last one if not given")
    parser.add_argument(
        "--image", metavar="NAME", help="the column that says which picture; guessed if not given"
    )
    parser.add_argument("--question", metavar="NAME", help="the column of questions; guessed if not given")
    closed = parser.add_mutually_exclusive_group()
    closed.add_argument(
        "--choices", metavar="LIST", help='answer with the most probable of these: "red,blue,green"'
    )
    closed.add_argument(
        "--choices-column", metavar="NAME", help="the column with the choices of each row, written likewise"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at a row that cannot be answered, instead of leaving it empty",
    )
    add_model_arguments(parser)


def run(chosen: argparse.Namespace) -> None:
    """Write the answers and print the path of their file."""
    try:
        print(answer_file(chosen))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.status)
