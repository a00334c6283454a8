"""`vqatune compare`: versions side by side, of this checkout or of other commits, or files of predictions."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from vqatune.cli.compare_files import compare_files, is_predictions_file
from vqatune.cli.compare_tasks import add_task_argument, compare_by_task
from vqatune.cli.formula_arguments import add_formula_argument
from vqatune.cli.output_arguments import add_output_arguments
from vqatune.cli.prediction_arguments import FILE_OPTIONS, FORMATS, add_prediction_arguments
from vqatune.cli.print_comparison import print_comparison, print_versions
from vqatune.cli.score_settings import STORE
from vqatune.errors import DataError, VqatuneError
from vqatune.evaluation.comparison.compare import CHANGE, compare
from vqatune.evaluation.comparison.revisions import read_pairs, read_version, runs_of
from vqatune.evaluation.comparison.runs import compare_runs
from vqatune.evaluation.comparison.shared_questions import SharedQuestions, only_shared, shared_questions
from vqatune.evaluation.scoring.evaluation_set import EvaluatedPart
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import VersionScores, score_version
from vqatune.params import Params, load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "versions",
        nargs="+",
        metavar="VERSION",
        help="two or more: v7, base, blind, or REVISION:v7 of a git revision or a DVC experiment (REVISION,REVISION,…:v7: several "
        "trainings of a version, as a mean); or two or more files of "
        f"predictions ({FORMATS}), of which the pairs that all have are compared",
    )
    parser.add_argument(
        "--changed", metavar="FILE", type=Path, help="write the pairs that changed to a CSV (of two)"
    )
    add_formula_argument(parser, default=True)
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        help="compare by every value of this column alone: a slice of versions, any column of the first file (of two)",
    )
    parser.add_argument(
        "--validation",
        action="store_true",
        help="compare versions on the validation set, by which one chooses, not on the test set",
    )
    add_task_argument(parser)
    add_output_arguments(parser)
    parser.add_argument(
        "--markdown", action="store_true", help="print Markdown, such as for the comment on a pull request"
    )
    add_prediction_arguments(parser.add_argument_group("files of predictions"))


def run(chosen: argparse.Namespace) -> None:
    """Print what differs between two versions or files, or the scores of several."""
    names = list(dict.fromkeys(chosen.versions))
    files = [name for name in names if is_predictions_file(name)]
    what = "file" if files else "version"
    if len(names) < 2 <= len(chosen.versions):
        times = "twice" if len(chosen.versions) == 2 else f"{len(chosen.versions)} times"
        example = "a.csv b.csv" if files else "v7 v13"
        raise DataError(
            f"{' and '.join(chosen.versions)} are the same {what} {times}: name two {what}s, such as "
            f"`vqatune compare {example}`"
        )
    if len(names) < 2:
        raise DataError(
            "compare takes two versions or more, such as `vqatune compare v7 v13`, or two files of predictions or more"
        )
    if 0 < len(files) < len(names):
        other = next(name for name in names if name not in files)
        raise DataError(f"{files[0]} is a file of predictions and {other} names a version: compare one kind")
    for option, given in (("--changed", chosen.changed), ("--by", chosen.by)):
        if given and len(names) > 2:
            raise DataError(f"{option} goes with two {what}s; these are {len(names)}")
    if chosen.json and chosen.markdown:
        raise DataError("--json and --markdown exclude each other: choose one")
    if chosen.task is not None:
        compare_by_task(names, chosen)
        return
    if files:
        if chosen.validation:
            raise DataError(
                f"--validation goes with versions, and {files[0]} is a file of predictions: leave it out"
            )
        compare_files(files, chosen)
        return
    if given := [option for option in FILE_OPTIONS if getattr(chosen, option) not in (None, [])]:
        raise DataError(
            f"--{given[0]} goes with files of predictions, and {names[0]} names a version: leave it out"
        )
    if chosen.by is not None and chosen.by not in SLICES:
        raise DataError(f"{chosen.by!r} is no slice of versions: --by takes {', '.join(SLICES)}")
    params = load_params()
    if len(names) > 2 and (several := next((name for name in names if len(runs_of(name)) > 1), None)):
        raise DataError(f"several trainings go with two versions, and with {several} there are {len(names)}")
    if len(names) > 2:
        _compare_several(names, params, chosen)
    else:
        _compare_two(*names, params, chosen)


def _compare_two(first: str, second: str, params: Params, chosen: argparse.Namespace) -> None:
    metrics = None if chosen.metric is None else [CHANGE, *chosen.metric]
    ours, theirs = runs_of(first), runs_of(second)
    if chosen.changed and len(ours) + len(theirs) > 2:
        raise DataError("--changed goes with one run of each version: leave it out, or name one run")
    runs, part = [*ours, *theirs], _part(chosen)
    shared = _shared(runs, part)
    scored = [version for _, version in _score_versions(runs, params, metrics, shared, part)]
    slices = list(SLICES) if chosen.by is None else [chosen.by]
    if len(scored) == 2:
        found = compare(scored[0], scored[1], params.eval.resamples, params.seed, slices)
    else:
        sides = ([each.scores for each in scored[: len(ours)]], [each.scores for each in scored[len(ours) :]])
        same = [name.rpartition(":")[0] for name in ours] == [name.rpartition(":")[0] for name in theirs]
        found = compare_runs(*sides, params.eval.resamples, params.seed, slices, paired=same)
    print_comparison(found, first, second, chosen, shared.notes or None)


def _compare_several(names: list[str], params: Params, chosen: argparse.Namespace) -> None:
    # Not the pairs, which of many versions would not fit into memory.
    part = _part(chosen)
    shared = _shared(names, part)
    scored = _score_versions(names, params, chosen.metric, shared, part)
    tables = {name: version.intervals() for name, version in scored}
    print_versions(tables, chosen, shared.notes or None)


def _part(chosen: argparse.Namespace) -> EvaluatedPart:
    return "validation" if chosen.validation else "test"


def _shared(names: list[str], part: EvaluatedPart) -> SharedQuestions:
    """Return the questions that all versions have answered; raises DataError where there is none."""
    by_revision = {name.rpartition(":")[0]: name for name in names}
    pairs = {revision: read_pairs(name, Path(), part) for revision, name in by_revision.items()}
    return shared_questions(pairs, part)


def _score_versions(
    names: list[str],
    params: Params,
    metrics: list[str] | None,
    shared: SharedQuestions,
    part: EvaluatedPart,
) -> Iterator[tuple[str, VersionScores]]:
    """Yield every version's name and its scores on the shared questions."""
    for name in names:
        predictions, test = only_shared(*read_version(name, Path(), part), shared)
        try:
            scored = score_version(predictions, test, params, STORE, metrics)
        except VqatuneError as error:
            error.add_context(name)
            raise
        yield name, scored
