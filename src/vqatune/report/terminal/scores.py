"""Scores and comparisons in the terminal: `vqatune score` and `vqatune compare`, as tables or as JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.evaluation.comparison.compare import CHANGE, Comparison
from vqatune.evaluation.comparison.equal_metrics import equal_metrics, equality_sentences
from vqatune.evaluation.metrics import METRICS, ranked
from vqatune.evaluation.scoring.score import Scores
from vqatune.evaluation.scoring.slices import SMALLEST_SLICE, slice_label
from vqatune.report.terminal.tables import Make, in_parts, widest

SHOWN_SLICES = 10
SHOWN_CHANGES = 10

_NARROWEST_QUESTION, _LONGEST_QUESTION, _LONGEST_CELL = 24, 120, 30


def show_scores(scores: Scores, title: str, console: Console) -> None:
    """Print a row a metric (value, 95 % interval, number of pairs that count), and counts of empty texts and absent metrics.

    Of metrics that are equal it shows the first.
    """
    groups = equal_metrics(scores.totals.set_index("metric"))
    rows = [
        {
            "metric": row.metric,
            "value": f"{row.value:.4f}",
            "95 % interval": f"{row.low:.4f} … {row.high:.4f}",
            "pairs": f"{row.pairs:,}",
        }
        for row in scores.totals.itertuples(index=False)
        if row.metric in groups
    ]
    console.print(widest(_maker(title, rows), ["metric", "value", "95 % interval", "pairs"], console))
    _show_equal(groups, console)
    empty = {name: scores.counts[f"empty_{name}s"] for name in ("prediction", "reference")}
    if parts := [
        f"{count:,} empty {name}{'' if count == 1 else 's'}" for name, count in empty.items() if count
    ]:
        console.print(", ".join(parts), markup=False, highlight=False, soft_wrap=True)
    _show_absent(scores.absent, console)


def show_slices(by: pd.DataFrame, console: Console) -> None:
    """Print the scores by slice (slices.by_slice), of some metrics where there are many or there is little room.

    Of metrics that are equal in all rows of a slice it shows the first.
    """
    metrics = [name for name in by.columns if name in METRICS]
    preferred = ranked("in_slices")
    if len(metrics) > len(preferred):
        metrics = [name for name in preferred if name in metrics]
    for slice_, table in by.groupby("slice", sort=False):
        groups = equal_metrics(table[metrics].T)
        rows = [
            {"value": _cell(row["value"]) or "[dim](empty)[/dim]", "pairs": f"{row['pairs']:,}"}
            | {name: "" if pd.isna(row[name]) else f"{row[name]:.3f}" for name in groups}
            for row in table.to_dict("records")
        ]
        columns = ["value", "pairs", *groups]
        console.print(widest(_maker(f"by {slice_}", rows), columns, console))
        _show_equal(groups, console)


def show_comparison(
    found: Comparison, first: str, second: str, console: Console, every_slice: bool = False
) -> None:
    """Print the differences of all metrics, the slices that lost most, and some of the pairs that changed.

    Of metrics that are equal in both versions it shows the first. every_slice: print all slices, whatever they gained or lost and however few pairs they have.
    """
    groups = equal_metrics(found.metrics.set_index("metric"))
    rows = [
        {
            "metric": row.metric,
            first: f"{row.first:.4f}",
            second: f"{row.second:.4f}",
            "difference": f"{row.difference:+.4f}",
            "95 % interval": f"{row.low:+.4f} … {row.high:+.4f}",
            "style": _style(row.low, row.high),
        }
        for row in found.metrics.itertuples(index=False)
        if row.metric in groups
    ]
    columns = ["metric", "difference", "95 % interval", second, first]
    title = f"{second} − {first}; bold where the interval leaves 0 out"
    console.print(widest(_maker(title, rows), columns, console))
    _show_equal(groups, console)
    _show_absent(found.absent, console)
    _show_slices(found.slices, console, every_slice)
    counts = found.changed["change"].value_counts()
    changed = (
        f"{counts.get('gained', 0):,} questions that {first} got wrong {second} got right; "
        f"{counts.get('lost', 0):,} the other way round"
    )
    lines = [] if several_trainings(found) else [changed]
    for line in [*lines, *about_trainings(found)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(found.changed):
        _show_changes(found.changed, first, second, console)


def several_trainings(found: Comparison) -> bool:
    """Whether a version's values are means over several trainings."""
    return found.trainings is not None and max(found.trainings) > 1


def about_trainings(found: Comparison) -> list[str]:
    """Return the lines that say whether the intervals cover the noise of training."""
    if found.trainings is None:
        return []
    if not several_trainings(found):
        line = (
            "One training of each: the intervals are over the test images, and do not cover the noise of training "
            "itself (train again with other values of train.seed, and name the runs: REVISION,REVISION:v13)"
        )
        return [line]
    few = ", too narrow for so few trainings" if min(found.trainings) < 5 else ""
    counts = " and ".join(map(str, found.trainings))
    return [f"Means of {counts} trainings; the intervals are over the test images and the trainings{few}"]


def largest_losses(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the slices of a comparison that lost, those that lost most first, without the small ones."""
    return slices[(slices["difference"] < 0) & (slices["pairs"] >= SMALLEST_SLICE)].head(SHOWN_SLICES)


def _show_slices(slices: pd.DataFrame, console: Console, every: bool) -> None:
    shown = slices if every else largest_losses(slices)
    if shown.empty:
        return
    rows = [
        {
            "slice": slice_label(row.slice),
            "value": _cell(row.value),
            "pairs": f"{row.pairs:,}",
            "images": f"{row.images:,}",
            "difference": f"{row.difference:+.3f}",
            "95 % interval": f"{row.low:+.3f} … {row.high:+.3f}",
            "style": _style(row.low, row.high),
        }
        for row in shown.itertuples(index=False)
    ]
    name = CHANGE.replace("_", " ")
    title = f"where {name} fell most, of slices with {SMALLEST_SLICE} pairs or more"
    title = f"{name} by {slice_label(slices['slice'].iloc[0])}" if every else title
    columns = ["value", "difference", "pairs", "95 % interval", "slice", "images"]
    console.print(widest(_maker(title, rows, "value", "slice"), columns, console))


def _show_changes(changed: pd.DataFrame, first: str, second: str, console: Console) -> None:
    # Some of each kind, the lost ones first: they are what one looks for.
    kinds = [changed[changed["change"] == kind] for kind in ("lost", "gained")]
    some = pd.concat([kind.head(SHOWN_CHANGES // 2) for kind in kinds])
    rows = []
    for row in some.to_dict("records"):
        cells = {"change": row["change"]}
        if "question" in row:
            cells["question"] = _cell(row["question"], _LONGEST_QUESTION)
        cells["reference"] = _cell(_joined(row["references"]))
        cells |= {first: _cell(row["first"]), second: _cell(row["second"])}
        optional = {"type": "question_type", "image": "image_id"}
        rows.append(cells | {title: _cell(row[name]) for title, name in optional.items() if name in row})
    title = f"{len(some)} of the {len(changed):,} that changed; --changed FILE writes them all"
    columns = ["question", second, "reference", first, "change", "type", "image"]
    columns = [name for name in columns if name in rows[0]]
    console.print(widest(_maker(title, rows, *rows[0]), columns, console))


def _joined(references: Any) -> str:
    """Return references for a table: the distinct ones, in their order."""
    return references if isinstance(references, str) else ", ".join(dict.fromkeys(references))


def show_versions(versions: Mapping[str, pd.DataFrame], console: Console, what: str = "versions") -> None:
    """Print a row a metric and a column a version (or what the title calls `what`), the best in bold, in several tables where there is little room.

    Beside a value stands half the width of its interval, where that has a width. Of metrics that are equal in all
    versions it shows the first.

    versions: name → VersionScores.intervals().
    """
    tables = {name: table.set_index("metric") for name, table in versions.items()}
    together = pd.DataFrame({name: table["value"] for name, table in tables.items()})
    together = together.reindex(list(METRICS)).dropna(how="all")
    groups = equal_metrics(together)
    together = together.loc[list(groups)]
    halves = pd.DataFrame({name: (table["high"] - table["low"]) / 2 for name, table in tables.items()})
    rows = []
    for metric, values in together.iterrows():
        shown = best_in_bold(metric, values)
        rows.append(
            {"metric": metric}
            | {name: text + _plus_minus(halves.loc[metric, name]) for name, text in shown.items()}
        )
    title = f"all {what}; the best in bold, ± half the width of the 95 % interval"
    make = _maker(title, rows, *versions, padding=(0, 0), collapse_padding=True)
    for table in in_parts(lambda names: make(["metric", *names]), list(versions), console):
        console.print(table)
    _show_equal(groups, console)
    reasons = [table.dropna(subset="absent").set_index("metric")["absent"] for table in versions.values()]
    _show_absent({metric: why for table in reasons for metric, why in table.items()}, console)


def _plus_minus(half: float) -> str:
    """Return half the width of an interval as it stands behind a score: nothing where it has none."""
    # The ends of an interval without a width may differ by how they were rounded.
    return f" ±{f'{half:.3f}'.removeprefix('0')}" if half > 1e-9 else ""


def best_in_bold(metric: str, values: pd.Series) -> dict[Any, str]:
    """Return the scores of a metric as they are shown, by their index: the best in bold, a missing one as nothing."""
    texts = {name: "" if pd.isna(value) else f"{value:.3f}" for name, value in values.items()}
    higher = METRICS[metric].higher_is_better
    if higher is None:
        return texts
    best = f"{values.max() if higher else values.min():.3f}"
    return {name: f"[bold]{text}[/bold]" if text == best else text for name, text in texts.items()}


def _maker(title: str, rows: Sequence[Mapping[str, str]], *left: str, **options: Any) -> Make:
    """Return what makes a table of rows (column → marked-up text; `style` is the row's), in their order of columns.

    left: the columns of text, beside the first one, which always is; only a question is broken into lines.
    """

    def make(columns: Sequence[str]) -> Table:
        table = Table(title=escape(title), **options)
        shown = [name for name in rows[0] if name in columns] if rows else list(columns)
        for place, name in enumerate(shown):
            table.add_column(
                _header(name),
                justify="left" if place == 0 or name in left else "right",
                no_wrap=name != "question",
                min_width=_NARROWEST_QUESTION if name == "question" else None,
            )
        for row in rows:
            table.add_row(*(row[name] for name in shown), style=row.get("style"))
        return table

    return make


def _header(name: str) -> str:
    if name == "change":
        return ""
    # A metric's name in lines of a word, and a revision above its version.
    return escape(name.replace("_", "\n") if name in METRICS else name.replace(":", ":\n"))


def _style(low: float, high: float) -> str | None:
    return "bold" if low > 0 or high < 0 else None


def _show_equal(groups: Mapping[str, Sequence[str]], console: Console) -> None:
    for line in equality_sentences(groups):
        console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def _show_absent(absent: Mapping[str, str], console: Console) -> None:
    by_reason: dict[str, list[str]] = {}
    for metric, reason in absent.items():
        by_reason.setdefault(reason, []).append(metric)
    for reason, metrics in by_reason.items():
        line = f"{', '.join(metrics)} {'is' if len(metrics) == 1 else 'are'} absent: {reason}"
        console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def _cell(value: Any, longest: int = _LONGEST_CELL) -> str:
    """Return text for a table: in one line, shortened where it is long."""
    line = " ".join(str(value).split())
    return escape(line if len(line) <= longest else line[: longest - 1] + "…")


def to_json(content: Any, escape_all: bool = False) -> str:
    """Return JSON text of dicts, lists and DataFrames (a list of rows), a missing number being null.

    escape_all: write what is not ASCII as escapes.
    """
    return json.dumps(_plain(content), indent=2, ensure_ascii=escape_all, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [_plain(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value
