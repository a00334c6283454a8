"""The scores over the versions: a chart for each family of metrics, with 95 % bands."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from vqatune.evaluation.comparison.equal_metrics import equal_metrics
from vqatune.evaluation.metrics import METRICS
from vqatune.params.versions import BLIND
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.lines import Axes, score_lines, with_hover
from vqatune.report.figures.figure import Figure, same_lines
from vqatune.report.history import in_chain, score_curves, version_numbers
from vqatune.report.metric_notes import METRIC_NOTES
from vqatune.report.stage_outputs import read_rows

_TITLES = {
    "lexical": "Lexical scores: the words of the answer",
    "structural": "Structural scores: the letters and the order of words",
    "semantic": "Semantic scores: what the answer means",
    "difficulty": "Average mark: right answers, questions that are rated harder counting more",
    "image": "Do answers come from the image?",
    "blind": "Skill: how far from the blind guess to always being right",
    "yes_no": "Yes/no questions",
}
_NOTES = {
    "difficulty": "A question that is rated with difficulty 0, 1, 2, 3 or 5 is worth 1, 2, 4, 8 or 20 marks; the score is the share of "
    "them that right answers earn.",
    "image": "grounding is how often an answer is more probable under its own image than under another: 0.5 is a model "
    f"that does not look; {METRIC_NOTES['grounding']}. vccs multiplies it with the overlap of the words.",
    "blind": "0 is no better than the blind guess, 1 is always right.",
    "yes_no": "Of the questions whose answer is yes or no, yes being the positive answer. In precision an answer that is neither "
    "counts as a wrong yes; yes_share is how often yes is said.",
}
_COLUMNS = ["number", "metric", "value", "low", "high"]
_HEIGHT = 320
_ONE_LINE = 0.005
"""Lines that are nowhere farther apart than this are hardly told apart."""


def score_figures(root: Path, versions: Sequence[str], leading: str) -> list[Figure]:
    """Return a figure for each family of metrics that the versions have scores of.

    It reads metrics/intervals. leading: the version that the charts mark and of which texts speak. Raises DataError where a
    version has no scores yet.
    """
    metrics = root / "metrics"
    # That the blind guess, which has no model, lacks some is no news.
    absent = _absent(metrics, in_chain(versions))
    figures = [
        _family(score_curves(metrics, versions, name), name, versions, leading, absent) for name in _TITLES
    ]
    unbounded = [
        _unbounded(metrics, versions, leading, name)
        for name, metric in METRICS.items()
        if metric.lowest == -float("inf")
    ]
    return [figure for figure in (*figures, *unbounded) if figure]


def _family(
    curves: pd.DataFrame, family: str, versions: Sequence[str], leading: str, absent: dict[str, str]
) -> Figure | None:
    if curves.empty:
        return None
    there = [name for name in METRICS if (curves["metric"] == name).any()]
    # The headline metrics first, so that they have the most distinct colours.
    headline = [name for name in there if METRICS[name].headline] or there
    names = [*headline, *(name for name in there if name not in headline)]
    groups = equal_metrics(curves.pivot(index="metric", columns="version", values="value").loc[names])
    # Of lines that lie on each other the last one hides the others.
    drawn, telling = ([name for name in some if name in groups] for some in (names, headline))
    views = {"All": _chart(curves, names, drawn, versions, leading)}
    if telling and telling != drawn:
        views = {"The most telling": _chart(curves, names, telling, versions, leading)} | views
    known = [f"{name}: {METRIC_NOTES[name]}." for name in names if name in METRIC_NOTES and family != "image"]
    notes = [
        _NOTES.get(family, ""),
        *known,
        same_lines(groups, "chart and table have"),
        _near(curves, telling or drawn),
    ]
    for name, reason in absent.items():
        if METRICS[name].family == family:
            notes.append(f"{name} is absent: {reason}.")
    note = " ".join(filter(None, notes))
    return Figure(
        f"{family}_scores",
        _TITLES[family],
        _alt(curves, headline, versions, leading),
        views,
        note,
        _table(curves, list(groups), versions),
    )


def _unbounded(metrics: Path, versions: Sequence[str], leading: str, name: str) -> Figure | None:
    """Return the figure of a metric with a scale of its own, if it was computed."""
    tables = [
        read_rows(metrics / "intervals" / f"{version}.csv", f"eval@{version}", "metric", "value").assign(
            version=version, number=number
        )
        for version, number in version_numbers(versions).items()
    ]
    curves = pd.concat(tables, ignore_index=True).astype({"number": "Int64"})
    curves = curves[(curves["metric"] == name) & curves["value"].notna()]
    if curves.empty:
        return None
    note = "A mean log-likelihood, at most 0: its scale is that of no other metric."
    return Figure(
        name,
        name,
        _alt(curves, [name], versions, leading),
        {"All": _chart(curves, [name], [name], versions, leading)},
        note,
        _table(curves, [name], versions),
    )


def _chart(
    curves: pd.DataFrame, names: Sequence[str], shown: Sequence[str], versions: Sequence[str], leading: str
) -> dict:
    curves = curves[curves["metric"].isin(shown)]
    axes = Axes("number", "value", "version", "score")
    chart = score_lines(
        rows(curves[_COLUMNS]), axes, "metric", names, shown=shown, versions=in_chain(versions)
    )
    chain = in_chain(versions)
    texts = curves.assign(text=with_interval(curves)).pivot(index="version", columns="metric", values="text")
    texts = texts.reindex(index=chain, columns=list(shown)).fillna("–").rename_axis("version").reset_index()
    texts.insert(0, "number", range(len(chain)))
    hover = {name: "" for name in ("version", *shown)}
    return page_spec(with_hover(chart, axes, texts, hover, leading), _HEIGHT)


def with_interval(curves: pd.DataFrame) -> list[str]:
    """Return each row's score as text, with its interval where it has one; curves: value, low and high."""
    return [
        f"{value:.3f}" + ("" if pd.isna(low) else f" ({low:.3f} to {high:.3f})")
        for value, low, high in curves[["value", "low", "high"]].itertuples(index=False)
    ]


def _alt(curves: pd.DataFrame, names: Sequence[str], versions: Sequence[str], leading: str) -> str:
    parts = []
    for name in names:
        values = curves[curves["metric"] == name].set_index("version")["value"]
        blind = values.get(BLIND)
        values = values.drop(BLIND, errors="ignore")
        if values.empty:
            continue
        first = values.index[0]
        last = leading if leading in values.index and leading != first else values.index[-1]
        best = values.idxmin() if METRICS[name].higher_is_better is False else values.idxmax()
        part = f"{name} goes from {values[first]:.3f} ({first}) to {values[last]:.3f} ({last})"
        if first == last:
            part = f"{name} is {values[first]:.3f} ({first})"
        if best != last and METRICS[name].higher_is_better is not None:
            part += f", best {values[best]:.3f} ({best})"
        if blind is not None:
            part += f"; a blind guess has {blind:.3f}"
        parts.append(part)
    return f"Scores of {len(in_chain(versions))} versions with 95\u00a0% intervals: {'; '.join(parts)}."


def _near(curves: pd.DataFrame, names: Sequence[str]) -> str:
    """Return a sentence on the lines of a chart that nearly coincide, or '' where none do."""
    values = curves.pivot(index="version", columns="metric", values="value")
    if len(values) < 2:
        return ""
    pairs = [
        f"{first} and {second}"
        for first, second in combinations(names, 2)
        if (values[first] - values[second]).abs().max() < _ONE_LINE
    ]
    return f"So near that they look like one line: {'; '.join(pairs)}." if pairs else ""


def _table(curves: pd.DataFrame, names: Sequence[str], versions: Sequence[str]) -> pd.DataFrame:
    order = [version for version in versions if (curves["version"] == version).any()]
    texts = curves.assign(text=with_interval(curves)).pivot(index="version", columns="metric", values="text")
    return texts.loc[order, list(names)].fillna("").rename_axis(columns=None).reset_index()


def _absent(metrics: Path, versions: Sequence[str]) -> dict[str, str]:
    """Return the metrics that a version lacks and why, the first reason of each."""
    reasons: dict[str, str] = {}
    for version in versions:
        table = read_rows(metrics / "intervals" / f"{version}.csv", f"eval@{version}", "metric", "value")
        if "absent" in table:
            for name, reason in table.loc[table["absent"].notna(), ["metric", "absent"]].itertuples(
                index=False
            ):
                reasons.setdefault(name, str(reason).rstrip("."))
    return {name: reasons[name] for name in METRICS if name in reasons}
