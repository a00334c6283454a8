"""`vqatune compare A B --task NAME`: two versions by one benchmark task."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from vqatune.cli.output_arguments import print_json
from vqatune.cli.prediction_arguments import FILE_OPTIONS
from vqatune.cli.score_settings import STORE
from vqatune.errors import DataError
from vqatune.evaluation.comparison.tasks import compare_task
from vqatune.evaluation.scoring.tasks import read_answered
from vqatune.params import TaskName, load_params
from vqatune.report.terminal.task_comparison import show_task_comparison
from vqatune.runtime.terminal import Terminal


def add_task_argument(parser: argparse.ArgumentParser) -> None:
    """Add --task."""
    parser.add_argument(
        "--task",
        metavar="NAME",
        choices=get_args(TaskName),
        help=f"compare (of two versions of this checkout) the metrics of a benchmark task: {', '.join(get_args(TaskName))}",
    )


def compare_by_task(names: Sequence[str], chosen: argparse.Namespace) -> None:
    """Print the differences of two versions by the task that is chosen.

    Raises DataError where `chosen` has an option that does not go with it, or as `read_answered` and `compare_task` do.
    """
    for name in names:
        if not re.fullmatch(r"blind|base|v[0-9]+", name):
            raise DataError(
                f"--task goes with versions of this checkout (blind, base, v1 … v13), and {name} is none"
            )
    if len(names) != 2:
        raise DataError(f"--task goes with two versions; these are {len(names)}")
    options = ("validation", "changed", "by", "markdown", *FILE_OPTIONS)
    if given := [option for option in options if getattr(chosen, option) not in (None, False, [])]:
        raise DataError(f"--{given[0]} does not go with --task: leave it out")
    params = load_params()
    if chosen.task not in params.tasks.use:
        raise DataError(f"{chosen.task} is not in tasks.use of params.yaml: add it, and run `dvc repro`")
    first, second = (read_answered(Path(), name) for name in names)
    table = compare_task(chosen.task, first, second, params, STORE)
    if chosen.metric is not None:
        there = list(dict.fromkeys(table["metric"]))
        if unknown := [name for name in chosen.metric if name not in there]:
            raise DataError(f"{chosen.task} has no metric {unknown[0]!r}: it has {', '.join(there)}")
        table = table[table["metric"].isin(chosen.metric)]
    if chosen.json:
        print_json({"first": names[0], "second": names[1], "task": chosen.task, "metrics": table})
    else:
        show_task_comparison(table, chosen.task, names[0], names[1], Terminal())
