"""What `vqatune compare` prints: tables, JSON or Markdown."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from vqatune.cli.output_arguments import print_json, print_notes
from vqatune.cli.terminal_encoding import print_text
from vqatune.errors import DataError
from vqatune.evaluation.comparison.compare import Comparison
from vqatune.report.terminal.markdown import comparison_markdown, versions_markdown
from vqatune.report.terminal.scores import show_comparison, show_versions
from vqatune.runtime.formulas import quoted_frame
from vqatune.runtime.terminal import Terminal
from vqatune.tables import write_csv


def print_comparison(
    found: Comparison, first: str, second: str, chosen: argparse.Namespace, notes: Sequence[str] | None = None
) -> None:
    """Print two versions or files side by side, and write the pairs that changed where `chosen` says so.

    notes: lines on the files of predictions, or on the test sets of versions where they differ; None where they do not. Raises DataError where the file cannot be written.
    """
    if chosen.metric is not None:
        found = replace(found, metrics=found.metrics[found.metrics["metric"].isin(chosen.metric)])
    if chosen.changed:
        try:
            changed = quoted_frame(found.changed) if chosen.quote_formulas else found.changed
            write_csv(changed, chosen.changed)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{chosen.changed} cannot be written ({reason}): name another file") from error
    every_slice = chosen.by is not None
    if chosen.json:
        content = {"first": first, "second": second, "metrics": found.metrics, "absent": found.absent}
        content |= {"slices": found.slices, "changed": found.changed}
        content |= {} if found.trainings is None else {"trainings": list(found.trainings)}
        print_json(content | ({} if notes is None else {"notes": notes}))
    elif chosen.markdown:
        print_text(comparison_markdown(found, first, second, notes or (), every_slice))
    else:
        console = Terminal()
        print_notes(notes or (), console)
        show_comparison(found, first, second, console, every_slice)


def print_versions(
    tables: Mapping[str, pd.DataFrame],
    chosen: argparse.Namespace,
    notes: Sequence[str] | None = None,
    what: str = "versions",
) -> None:
    """Print the scores of several versions or files (`what`): name → VersionScores.intervals(). `notes` as above."""
    if chosen.json:
        print_json(tables if notes is None else {what: tables, "notes": notes})
    elif chosen.markdown:
        print_text(versions_markdown(tables, notes or ()))
    else:
        console = Terminal()
        print_notes(notes or (), console)
        show_versions(tables, console, what)
