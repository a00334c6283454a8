"""The commands that measure: score, compare."""

import argparse
from pathlib import Path


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add them to the parser of `vqatune`."""
    _add_score(commands)
    _add_compare(commands)


def _add_score(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("score", help="score a file of predictions and references")
    parser.add_argument(
        "file",
        type=Path,
        help="CSV, TSV, JSON Lines, JSON or Parquet; a column `grounding` of numbers from 0 to 1, empty where it was "
        "not measured, gives grounding and vccs; others that are called like a metric are not used",
    )
    parser.add_argument(
        "--prediction", metavar="NAME", help="the column of predictions; guessed if not given"
    )
    parser.add_argument(
        "--reference",
        metavar="NAME",
        action="append",
        default=[],
        help="the column of references, of texts or of lists; may be given several times",
    )
    parser.add_argument("--difficulty", metavar="NAME", help="the column of difficulties; '' for none")
    parser.add_argument(
        "--image", metavar="NAME", help="the column of images, by which intervals are made; '' for none"
    )
    parser.add_argument("--by", metavar="COLUMN", help="also the scores for every value of a column")
    parser.add_argument(
        "--published",
        action="store_true",
        help="vqa_accuracy and lcs_ratio as the code behind published tables computed them",
    )
    _add_common(parser)
    parser.set_defaults(run=_score)


def _add_compare(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("compare", help="compare versions, of this checkout or of others")
    parser.add_argument(
        "versions",
        nargs="+",
        metavar="VERSION",
        help="two or more: v7, base, or REVISION:v7 of a git revision or a DVC experiment",
    )
    parser.add_argument(
        "--changed", metavar="FILE", type=Path, help="write the pairs that changed to a CSV (two versions)"
    )
    _add_common(parser)
    parser.set_defaults(run=_compare)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        help="only this one, such as exact_match (a wrong name lists them all); may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _score(chosen: argparse.Namespace) -> None:
    from vqatune.measure import run_score

    run_score(chosen)


def _compare(chosen: argparse.Namespace) -> None:
    from vqatune.measure import run_compare

    run_compare(chosen)
