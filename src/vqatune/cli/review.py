"""`vqatune review`: people go through drawn pairs; their verdicts, in numbers, and to and from Label Studio."""

import argparse
import getpass
from pathlib import Path

import pandas as pd

from vqatune.demo.review_book import ReviewBook
from vqatune.demo.review_server import PORT, serve_reviews
from vqatune.errors import DataError, ParameterError
from vqatune.generation.checks.reviews import add_reviews, read_reviews, write_reviews
from vqatune.inspection.drawn_pairs import REVIEWS, pairs_to_review, reviews_path
from vqatune.inspection.label_studio import export_tasks, import_annotations
from vqatune.loading.archive import read_bytes
from vqatune.params import Params, load_params
from vqatune.report.page.examples import thumbnail
from vqatune.report.terminal.reviews import show_review_figures
from vqatune.runtime.output import say
from vqatune.tables import read_json

_SIZE = 480
"""The longer side of a picture in Label Studio's tasks, in pixels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(action=_serve)
    _add_draw(parser, 200)
    parser.add_argument("--reviewer", metavar="NAME", help="your name (default: that of your account)")
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"the port on 127.0.0.1 (default: {PORT}); 0 for any free one"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    actions = parser.add_subparsers(metavar="ACTION")
    stats = actions.add_parser("stats", help="error rates, good pairs that checks drop, agreement")
    stats.set_defaults(action=_stats)
    export = actions.add_parser("export", help="write drawn pairs as tasks for Label Studio")
    export.add_argument(
        "file", metavar="FILE", type=Path, help="a new .json; the interface is written beside it, .xml"
    )
    # Without a default of its own, which would hide a number that is given before the action.
    _add_draw(export, argparse.SUPPRESS)
    export.set_defaults(action=_export)
    imports = actions.add_parser("import", help="add the annotations of a JSON export of Label Studio")
    imports.add_argument("file", metavar="FILE", type=Path)
    imports.set_defaults(action=_import)


def _add_draw(parser: argparse.ArgumentParser, default: int | str) -> None:
    parser.add_argument(
        "--pairs",
        type=int,
        default=default,
        metavar="N",
        help="how many pairs, a quarter of them dropped ones (default: 200)",
    )


def run(chosen: argparse.Namespace) -> None:
    """Serve the page, or run the chosen action."""
    chosen.action(chosen, load_params())


def _drawn(chosen: argparse.Namespace, params: Params) -> pd.DataFrame:
    if chosen.pairs < 1:
        raise ParameterError(f"--pairs {chosen.pairs}: one pair or more is reviewed")
    return pairs_to_review(chosen.pairs, params.seed)


def _serve(chosen: argparse.Namespace, params: Params) -> None:
    book = ReviewBook(_drawn(chosen, params), reviews_path(params))
    try:
        serve_reviews(book, chosen.reviewer or getpass.getuser(), chosen.port, chosen.open)
    finally:
        _say_how_to_use(params)


def _stats(chosen: argparse.Namespace, params: Params) -> None:
    reviews = read_reviews(reviews_path(params))
    if reviews.empty:
        raise DataError(f"{reviews_path(params)} holds no review: `vqatune review` writes them")
    report = Path("metrics/data/generate.json")
    dropped = read_json(report, "dropped")["dropped"] if report.exists() else None
    show_review_figures(reviews, dropped)


def _export(chosen: argparse.Namespace, params: Params) -> None:
    pairs = _drawn(chosen, params)

    def picture(pair: dict) -> bytes:
        return thumbnail(read_bytes(pair["archive"], int(pair["offset"]), int(pair["length"])), _SIZE)

    interface = export_tasks(pairs, picture, chosen.file)
    say(f"{chosen.file} holds {len(pairs):,} tasks; {interface} is the labelling interface of their project")


def _import(chosen: argparse.Namespace, params: Params) -> None:
    new, path = import_annotations(chosen.file), reviews_path(params)
    reviews = add_reviews(read_reviews(path), new) if path.exists() else new
    write_reviews(reviews, path)
    say(f"{chosen.file}: {len(new):,} verdicts; {path} holds {len(reviews):,}")
    _say_how_to_use(params)


def _say_how_to_use(params: Params) -> None:
    if params.generate.reviews is None and REVIEWS.exists():
        say(f"For `dvc repro` to use {REVIEWS}, set generate.reviews: {REVIEWS}, and commit the file")
