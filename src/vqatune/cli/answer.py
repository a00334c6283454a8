"""`vqatune answer`: answer a file of questions about images."""

import argparse
import sys
from pathlib import Path

from vqatune.cli.abstain_argument import add_abstain_argument, chosen_abstaining
from vqatune.cli.formula_arguments import add_formula_argument
from vqatune.cli.model_arguments import add_model_arguments, add_version_argument
from vqatune.errors import DataError, Stopped
from vqatune.inference.answering.answer import parse_choices
from vqatune.inference.answering.answer_file import answer_file
from vqatune.inference.answering.image_folder import ImageFolder
from vqatune.inference.answering.questions_file import open_questions
from vqatune.inference.answering.settings import choose_version, own_settings
from vqatune.runtime.output import say


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
        help="the folder of the images; they are found by path, name or id, also in its subfolders",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("answers.csv"),
        help="a new file (default: answers.csv)",
    )
    add_version_argument(parser)
    parser.add_argument(
        "--image", metavar="NAME", help="the column that names the image (default: found by its name)"
    )
    parser.add_argument(
        "--question", metavar="NAME", help="the column of questions (default: found by its name)"
    )
    closed = parser.add_mutually_exclusive_group()
    closed.add_argument(
        "--choices", metavar="LIST", help='answer with the most probable of these: "red,blue,green"'
    )
    closed.add_argument(
        "--choices-column", metavar="NAME", help="the column with the choices of each row, in the same format"
    )
    add_abstain_argument(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first row that cannot be answered, instead of leaving its answer empty",
    )
    add_formula_argument(parser, default=False)
    add_model_arguments(parser)


def run(chosen: argparse.Namespace) -> None:
    """Write the answers and print the path of their file."""
    if chosen.out.exists():
        raise DataError(f"{chosen.out} exists: move it away, or name another file with --out")
    file = open_questions(chosen.questions, chosen.image, chosen.question, chosen.choices_column)
    images = ImageFolder(chosen.images)
    choices = None if chosen.choices is None else parse_choices(chosen.choices)
    version, folder = choose_version(chosen.models, chosen.version)
    abstaining = chosen_abstaining(chosen.abstain_below, version, chosen.models)
    settings = own_settings(chosen.device, chosen.quantization)
    try:
        answer_file(
            file,
            images,
            version,
            folder,
            settings,
            chosen.out,
            choices,
            chosen.strict,
            chosen.quote_formulas,
            abstaining,
        )
        say(chosen.out)
    except Stopped as stopped:
        say(stopped, error=True)
        sys.exit(stopped.status)
