"""`vqatune report`: the report page with this run's commit, machine, time and packages."""

import argparse
from pathlib import Path

from vqatune.errors import DataError
from vqatune.inspection.drawn_pairs import reviews_path
from vqatune.params import load_params
from vqatune.report.further.reviews import review_section
from vqatune.report.further.zoo import zoo_section
from vqatune.report.page.page import write_page
from vqatune.report.page.provenance import how_it_was_made
from vqatune.runtime.output import say
from vqatune.tables import read_csv

OUTPUT = Path("metrics/report.html")
"""The page that DVC keeps."""
HISTORY = Path("metrics/history.csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page (default: report.html)",
    )


def run(chosen: argparse.Namespace) -> None:
    """Write the page and print its path."""
    say(build_report(chosen.out))


def build_report(path: Path) -> Path:
    """Write the page of the run in the current folder, a checkout, and return its path.

    Raises DataError where there is no finished run, or the path is a folder or the page that DVC keeps.
    """
    if path.resolve() == OUTPUT.resolve():
        raise DataError(f"{path} is the page that `dvc repro` writes: name another file with --out")
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file with --out")
    if not HISTORY.exists():
        raise DataError(f"{HISTORY} does not exist: run `dvc repro`")
    versions = read_csv(HISTORY, "version")["version"].tolist()
    params = load_params()
    further = [zoo_section(Path(), path), review_section(reviews_path(params))]
    made = how_it_was_made(params.compute.device)
    write_page(Path(), versions, params, path, made, [section for section in further if section])
    return path
