"""Comparisons of versions as Markdown, such as for the comment on a pull request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from vqatune.evaluation.comparison.compare import CHANGE, Comparison
from vqatune.evaluation.comparison.equal_metrics import equal_metrics, equality_sentences
from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.scoring.slices import SMALLEST_SLICE, slice_label
from vqatune.report.markdown_text import inline
from vqatune.report.terminal.scores import about_trainings, largest_losses, several_trainings


def comparison_markdown(
    found: Comparison, first: str, second: str, notes: Sequence[str] = (), every_slice: bool = False
) -> str:
    """Return two versions as Markdown: the differences of all metrics, and the slices that lost most.

    A difference is bold where its 95 % interval excludes 0. Of metrics that are equal in both it has the first. `notes` are listed
    under the title; with `every_slice` all slices are shown, whatever they gained or lost and however few pairs they have.
    """
    groups = equal_metrics(found.metrics.set_index("metric"))
    metrics = [
        (row.metric, f"{row.first:.4f}", f"{row.second:.4f}", *_difference(row, 4))
        for row in found.metrics.itertuples(index=False)
        if row.metric in groups
    ]
    header = ["metric", first, second, "difference", "95 % interval"]
    title = f"### {inline(second)} compared with {inline(first)}"
    parts = [title, *_list(notes), _table(header, metrics)]
    parts += map(inline, equality_sentences(groups))
    shown = found.slices if every_slice else largest_losses(found.slices)
    slices = [
        (slice_label(row.slice), row.value, f"{row.pairs:,}", *_difference(row, 3))
        for row in shown.itertuples(index=False)
    ]
    if slices:
        name = CHANGE.replace("_", " ")
        title = f"Largest losses of {name}, of slices with {SMALLEST_SLICE} pairs or more:"
        title = f"{name.capitalize()} by {inline(slices[0][0])}:" if every_slice else title
        columns = ["slice", "value", "pairs", "difference", "95 % interval"]
        parts += [title, _table(columns, slices, left=2)]
    counts = found.changed["change"].value_counts()
    gained, lost = counts.get("gained", 0), counts.get("lost", 0)
    if not several_trainings(found):
        parts.append(f"{gained:,} questions are answered rightly only by {inline(second)}, ")
        parts[-1] += f"{lost:,} only by {inline(first)}."
    parts += [f"{line}." for line in about_trainings(found)]
    return "\n\n".join([*parts, *_absent(found.absent)]) + "\n"


def versions_markdown(versions: Mapping[str, pd.DataFrame], notes: Sequence[str] = ()) -> str:
    """Return the scores of several versions as a Markdown table: a row a metric, of equal ones the first, the best in bold.

    versions: name → VersionScores.intervals(); `notes` are listed above.
    """
    tables = {name: table.set_index("metric") for name, table in versions.items()}
    values = pd.DataFrame({name: table["value"] for name, table in tables.items()})
    values = values.reindex(list(METRICS)).dropna(how="all")
    groups = equal_metrics(values)
    rows = []
    for metric, scores in values.loc[list(groups)].iterrows():
        higher = METRICS[str(metric)].higher_is_better
        best = "" if higher is None else f"{scores.max() if higher else scores.min():.4f}"
        texts = ["" if pd.isna(score) else f"{score:.4f}" for score in scores]
        rows.append((metric, *(f"**{text}**" if text and text == best else text for text in texts)))
    reasons = [table.loc[table["absent"].notna(), "absent"] for table in tables.values()]
    absent = {metric: reason for column in reasons for metric, reason in column.items()}
    equal = map(inline, equality_sentences(groups))
    return "\n\n".join([*_list(notes), _table(["metric", *versions], rows), *equal, *_absent(absent)]) + "\n"


def _difference(row: Any, digits: int) -> tuple[str, str]:
    text = f"{row.difference:+.{digits}f}"
    interval = f"{row.low:+.{digits}f} … {row.high:+.{digits}f}"
    return f"**{text}**" if row.low > 0 or row.high < 0 else text, interval


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a table whose first `left` columns are text and are escaped; the others are aligned to the right."""
    lines = [map(inline, header), ["---"] * left + ["---:"] * (len(header) - left)]
    lines += [[*map(inline, row[:left]), *row[left:]] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _absent(absent: Mapping[str, str]) -> list[str]:
    return _list([f"{metric} is absent: {reason}" for metric, reason in absent.items()])


def _list(lines: Sequence[str]) -> list[str]:
    """Return lines as one list, none where there is no line."""
    return ["\n".join(f"- {inline(line)}" for line in lines)] if lines else []
