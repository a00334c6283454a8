"""`vqatune compare`: versions side by side, of this checkout or of other commits."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from vqatune.cli.output_arguments import add_output_arguments, print_json, print_text
from vqatune.errors import DataError, VqatuneError
from vqatune.evaluation.comparison.compare import CHANGE, check_same_test, compare
from vqatune.evaluation.comparison.revisions import read_version
from vqatune.evaluation.scoring.version import VersionScores, score_version
from vqatune.params import Params, load_params
from vqatune.report.terminal.markdown import comparison_markdown, versions_markdown
from vqatune.report.terminal.scores import show_comparison, show_versions
from vqatune.tables import write_csv

STORE = Path(".work/scores")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "versions",
        nargs="+",
        metavar="VERSION",
        help="two or more: v7, base, blind, or REVISION:v7 of a git revision or a DVC experiment",
    )
    parser.add_argument(
        "--changed", metavar="FILE", type=Path, help="write the pairs that changed to a CSV (two versions)"
    )
    add_output_arguments(parser)
    parser.add_argument(
        "--markdown", action="store_true", help="print Markdown, such as for the comment on a pull request"
    )


def run(chosen: argparse.Namespace) -> None:
    """Print what differs between two versions, or the scores of several."""
    names = list(dict.fromkeys(chosen.versions))
    if len(names) < 2 <= len(chosen.versions):
        times = "twice" if len(chosen.versions) == 2 else f"{len(chosen.versions)} times"
        raise DataError(
            f"{' and '.join(chosen.versions)} are the same version {times}: name two versions, such as "
            "`vqatune compare v7 v13`"
        )
    if len(names) < 2:
        raise DataError("compare takes two versions or more, such as `vqatune compare v7 v13`")
    if chosen.changed and len(names) > 2:
        raise DataError(f"--changed goes with two versions; these are {len(names)}")
    if chosen.json and chosen.markdown:
        raise DataError("--json and --markdown exclude each other: choose one")
    params = load_params()
    if len(names) > 2:
        _compare_several(names, params, chosen)
    else:
        _compare_two(*names, params, chosen)


def _compare_two(first: str, second: str, params: Params, chosen: argparse.Namespace) -> None:
    metrics = None if chosen.metric is None else [CHANGE, *chosen.metric]
    scored = _score_versions([first, second], params, metrics)
    found = compare(*(version for _, version in scored), params.eval.resamples, params.seed)
    if chosen.metric is not None:
        found = replace(found, metrics=found.metrics[found.metrics["metric"].isin(chosen.metric)])
    if chosen.changed:
        try:
            write_csv(found.changed, chosen.changed)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{chosen.changed} cannot be written ({reason}): name another file") from error
    if chosen.json:
        content = {"first": first, "second": second, "metrics": found.metrics, "absent": found.absent}
        print_json(content | {"slices": found.slices, "changed": found.changed})
    elif chosen.markdown:
        print_text(comparison_markdown(found, first, second))
    else:
        show_comparison(found, first, second, Console())


def _compare_several(names: list[str], params: Params, chosen: argparse.Namespace) -> None:
    # Not the pairs, which of many versions would not fit into memory.
    tables = {name: scored.intervals() for name, scored in _score_versions(names, params, chosen.metric)}
    if chosen.json:
        print_json(tables)
    elif chosen.markdown:
        print_text(versions_markdown(tables))
    else:
        show_versions(tables, Console())


def _score_versions(
    names: list[str], params: Params, metrics: list[str] | None
) -> Iterator[tuple[str, VersionScores]]:
    """Yield every version's name and scores; raises DataError where one has another test set than the first."""
    first = None
    for name in names:
        predictions, test = read_version(name, Path())
        first = first or test
        check_same_test(first.pairs, test.pairs, (names[0], name))
        try:
            scored = score_version(predictions, test, params, STORE, metrics)
        except VqatuneError as error:
            error.add_context(name)
            raise
        yield name, scored
