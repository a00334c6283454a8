"""The report's figures of the benchmark tasks: a chart of each over the versions, and what probabilities are worth."""

from collections.abc import Callable, Sequence
from pathlib import Path

import altair as alt
import pandas as pd

from vqatune.evaluation.comparison.equal_metrics import equal_metrics
from vqatune.evaluation.task_metrics import MAIN_METRICS
from vqatune.params import TaskName
from vqatune.report.charts import palette
from vqatune.report.charts.common import inline, legend, page_spec, rows
from vqatune.report.charts.lines import Axes, score_lines, with_hover
from vqatune.report.figures.figure import Figure, Section, same_lines
from vqatune.report.figures.slices import share_map
from vqatune.report.figures.task_texts import NOTES, TEXT, TITLES
from vqatune.report.history import in_chain, version_numbers
from vqatune.report.stage_outputs import read_rows

_HEIGHT = 280
_CURVES = ("risk_coverage", "reliability")
MakeFigure = Callable[[Path, pd.DataFrame, Sequence[str], str], Figure | None]


def task_section(root: Path, versions: Sequence[str], leading: str) -> Section | None:
    """Return the section on the benchmark tasks; None where no task is used.

    It reads metrics/tasks. Raises DataError where a version has no scores yet.

    Args:
        root: a checkout.
        versions: in the order of the chain, the base first; the blind guess may stand before it.
        leading: the version that charts mark and of which texts and tables speak.
    """
    numbers = version_numbers(versions)
    tables = [
        _read(root / f"metrics/tasks/{version}.csv", version).assign(version=version, number=numbers[version])
        for version in versions
    ]
    scores = pd.concat(tables, ignore_index=True).astype({"number": "Int64", "value": "str"})
    figures = [figure for make in _FIGURES if (figure := make(root, scores, versions, leading))]
    return Section("tasks", "Benchmark tasks", TEXT, figures) if figures else None


def _read(path: Path, version: str) -> pd.DataFrame:
    names = ["task", "slice", "value", "metric", "score", "low", "high", "pairs", "images"]
    table = read_rows(path, f"eval@{version}", *names)
    # A column without a value is read as numbers.
    return table.astype({"slice": object, "value": object}).fillna({"slice": "", "value": ""})


def _of_task(task: TaskName) -> MakeFigure:
    def figure(root: Path, scores: pd.DataFrame, versions: Sequence[str], leading: str) -> Figure | None:
        own = scores[(scores["task"] == task) & (scores["slice"] == "")]
        own = own[own["metric"].isin(MAIN_METRICS[task])].assign(line=own["metric"])
        return _lines(task, own, MAIN_METRICS[task], versions, leading)

    return figure


def _languages(root: Path, scores: pd.DataFrame, versions: Sequence[str], leading: str) -> Figure | None:
    own = scores[(scores["task"] == "multi_language") & (scores["metric"] == "exact_match")]
    own = own[own["slice"] == "language"].assign(line=own["value"])
    languages = sorted(own["line"].unique(), key=lambda code: (code != "en", code))
    chain = own[own["version"].isin(in_chain(versions))]
    highest = chain.groupby("line")["score"].max()
    never = [code for code in languages if highest.get(code) == 0]
    note = f"No version has a right answer in {', '.join(never)}." if never else ""
    return _lines("multi_language", own, languages, versions, leading, note)


def _lines(
    task: str, own: pd.DataFrame, names: Sequence[str], versions: Sequence[str], leading: str, note: str = ""
) -> Figure | None:
    own = own.dropna(subset="score")
    if own.empty:
        return None
    there = [name for name in names if (own["line"] == name).any()]
    # Of lines that lie on each other the last one hides the others.
    ends = own.pivot(index="line", columns="version", values=["score", "low", "high"])
    groups = equal_metrics(ends.loc[there])
    drawn = list(groups)
    axes, chain = Axes("number", "score", "version", "score"), in_chain(versions)
    data = rows(own.loc[own["line"].isin(drawn), ["number", "line", "score", "low", "high"]])
    chart = score_lines(data, axes, "line", there, shown=drawn, versions=chain)
    texts = own.assign(
        text=[
            f"{score:.3f} ({low:.3f} to {high:.3f})"
            for score, low, high in own[["score", "low", "high"]].to_numpy()
        ]
    ).pivot(index="version", columns="line", values="text")
    texts = texts.reindex(columns=there).fillna("–")
    hovering = texts.reindex(index=chain).fillna("–").rename_axis("version").reset_index()
    hovering.insert(0, "number", range(len(chain)))
    spec = page_spec(
        with_hover(chart, axes, hovering, {name: "" for name in ("version", *there)}, leading), _HEIGHT
    )
    scores = own[own["version"] == leading].set_index("line")["score"]
    said = ", ".join(f"{name} {scores[name]:.3f}" for name in there if name in scores)
    table = texts.reindex(index=[name for name in versions if name in texts.index]).rename_axis(columns=None)
    return Figure(
        f"task_{task}",
        TITLES[task],
        f"Scores of {task} over the versions; {leading} has {said}.",
        {"All": spec},
        " ".join(filter(None, (NOTES[task], note, same_lines(groups, "the chart has")))),
        table.rename_axis("version").reset_index(),
    )


def _attributes(root: Path, scores: pd.DataFrame, versions: Sequence[str], leading: str) -> Figure | None:
    own = scores[(scores["task"] == "category_wise") & (scores["slice"] == "attribute")]
    if own.empty:
        return None
    exact = own[own["metric"] == "exact_match"].rename(columns={"score": "exact_match"})
    exact = exact.assign(key=-exact.groupby("value")["pairs"].transform("max"))
    cells = exact.sort_values(["key", "value", "number"], na_position="first")
    table = (
        own[own["version"] == leading]
        .pivot(index="value", columns="metric", values="score")
        .loc[list(dict.fromkeys(cells["value"]))]
    )
    best = cells[cells["version"] == leading].sort_values("exact_match").iloc[-1]
    return Figure(
        "task_category_wise",
        TITLES["category_wise"],
        f"Exact match by what is asked for; {leading} is best at {best['value']} ({best['exact_match']:.1%}).",
        {"Heat map": share_map(cells, max(0.1, float(cells["exact_match"].max())))},
        f"{NOTES['category_wise']} The table has the scores of {leading}.",
        table.map(lambda score: "" if pd.isna(score) else f"{score:.3f}")
        .rename_axis(columns=None)
        .reset_index(),
    )


def _knowing(root: Path, scores: pd.DataFrame, versions: Sequence[str], leading: str) -> Figure | None:
    """Return the risk–coverage and the reliability curve of the base and of the leading version."""
    if not (scores["metric"] == "aurc").any():
        return None
    shown = list(dict.fromkeys([in_chain(versions)[0], leading]))
    curves = pd.concat(
        [
            read_rows(root / f"metrics/tasks/curves/{name}.csv", f"eval@{name}", "curve", "x", "y").assign(
                version=name
            )
            for name in shown
        ],
        ignore_index=True,
    )
    titles = {
        "risk_coverage": (
            "share answered, the surest first",
            "share of wrong answers",
        ),
        "reliability": ("mean probability of a bin of answers", "share of right answers"),
    }
    views = {
        name.replace("_", "–"): _curve(curves[curves["curve"] == name], shown, *titles[name])
        for name in _CURVES
    }
    table = curves.assign(x=curves["x"].map("{:.3f}".format), y=curves["y"].map("{:.3f}".format))
    return Figure(
        "task_knowing",
        "What an answer's probability is worth",
        f"Risk–coverage and reliability of {' and '.join(shown)} on the test set.",
        views,
        "Risk–coverage is the share of wrong answers where only the most probable ones are kept. Reliability lies on the diagonal "
        "where, of answers with a probability of 0.7, 70\u00a0% are right; `vqatune calibrate` brings it nearer to that.",
        table[["version", "curve", "x", "y"]],
    )


def _curve(curves: pd.DataFrame, names: Sequence[str], x: str, y: str) -> dict:
    scale = alt.Scale(domain=[0, 1], nice=False)
    colours = alt.Scale(domain=list(names), range=palette.colours(len(names)))
    line = alt.Chart(inline(rows(curves[["version", "x", "y"]]))).mark_line(point=True)
    line = line.encode(
        x=alt.X(field="x", type="quantitative", title=x, scale=scale, axis=alt.Axis(tickCount=5)),
        y=alt.Y(field="y", type="quantitative", title=y, scale=scale),
        color=alt.Color(field="version", type="nominal", sort=None, scale=colours, legend=legend()),
    )
    diagonal = alt.Chart(inline([{"x": 0, "y": 0}, {"x": 1, "y": 1}])).mark_line(
        strokeDash=[2, 3], opacity=0.5
    )
    diagonal = diagonal.encode(
        x=alt.X(field="x", type="quantitative"), y=alt.Y(field="y", type="quantitative")
    )
    layers = [line, diagonal] if "probability" in x else [line]
    return page_spec(alt.layer(*layers), _HEIGHT)


_FIGURES = (
    _attributes,
    _of_task("multi_angle"),
    _of_task("unanswerable"),
    _knowing,
    _languages,
    _of_task("multiple_choice"),
)
