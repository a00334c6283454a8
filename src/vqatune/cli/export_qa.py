"""`vqatune export-qa`: write the checked question-answer pairs for use elsewhere."""

import argparse
from pathlib import Path

from vqatune.cli.formula_arguments import add_formula_argument
from vqatune.publishing.qa_export import export_qa
from vqatune.runtime.output import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "out", metavar="OUT", type=Path, help="a folder that is new or empty, or a file that is new"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=("json-per-image", "csv", "parquet", "multiple-choice"),
        help="json-per-image: a folder with a JSON file an image; csv, parquet: one file; multiple-choice: JSON lines of the "
        "questions with four choices that are a benchmark task",
    )
    add_formula_argument(parser, default=False)


def run(chosen: argparse.Namespace) -> None:
    """Write the pairs and print how many there are."""
    pairs, images = export_qa(chosen.out, chosen.format, quote_formulas=chosen.quote_formulas)
    say(f"{chosen.out} holds {pairs:,} pairs about {images:,} images")
