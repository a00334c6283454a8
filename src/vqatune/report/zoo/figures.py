"""The zoo's figures: scores against parameters, memory and time, as tables and charts."""

from collections.abc import Callable, Sequence

import pandas as pd

from vqatune.evaluation.metrics import METRICS, ranked
from vqatune.params import BLIND
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.figures.figure import Figure, Section
from vqatune.report.zoo.cells import ABSENT, score_cell
from vqatune.report.zoo.scatter import score_points
from vqatune.zoo.results import SLICED, ZooModel, answers_per_second
from vqatune.zoo.short_answers import SHORT, WHOLE

_HEIGHT = 380
_MOST = 8
"""Metrics of the first table; the others are in those below."""
_VIEWS = ("exact_match", "vqa_accuracy", "bertscore_f1", "average_mark")
"""Metrics that the charts can show."""
_HOVER = {"name": "", "score": "", "as_given": "", "cost": ""}
KINDS = {
    "tiny": "tiny, trained here on drawn images",
    "checkpoint": "published checkpoint",
    "version": "tuned version",
}
_MIB = 2**20


def zoo_sections(models: Sequence[ZooModel]) -> list[Section]:
    """Return the sections of the zoo: what the models score, against what they take, and by slice.

    models: the blind guess first.
    """
    scored = [model for model in models if model.can_run]
    against = "Filled points are short answers, hollow ones the answers as they were given; a rule is the 95\u00a0% interval."
    return [
        Section(
            "scores", "Scores", _said_of_scores(scored), [_totals(scored, SHORT), _totals(scored, WHOLE)]
        ),
        Section(
            "costs",
            "Scores against what they take",
            against,
            [
                _against(scored, "parameters", "parameters", _parameters, "{:,.0f}"),
                _against(scored, "memory", "peak memory, MiB", _memory, "{:,.0f} MiB"),
                _against(
                    scored, "time", "seconds a thousand answers", _seconds, "{:,.1f} s a thousand answers"
                ),
            ],
        ),
        Section(
            "slices", "By difficulty and kind of answer", "Exact match of short answers.", _by_slice(scored)
        ),
    ]


def score_table(models: Sequence[ZooModel]) -> pd.DataFrame:
    """Return the scores that matter most as text: a row a model that has any, the highest exact match first.

    exact match stands there twice: of short answers, as all others are, and of answers as they were given.
    """
    scored = [model for model in models if model.can_run]
    scored.sort(key=lambda model: -_value(model, "exact_match"))
    names = [name for name in ranked("in_table") if any(model.score(name) is not None for model in scored)]
    table = []
    for model in scored:
        row = {"model": model.name, "exact match": _with_interval(model, "exact_match", SHORT)}
        given = _value(model, "exact_match", WHOLE)
        row["as it was given"] = ABSENT if pd.isna(given) else f"{given:.3f}"
        for name in names[:_MOST]:
            if name != "exact_match":
                value = _value(model, name)
                row[name.replace("_", " ")] = ABSENT if pd.isna(value) else f"{value:.3f}"
        table.append(row)
    return pd.DataFrame(table)


def cost_table(models: Sequence[ZooModel]) -> pd.DataFrame:
    """Return what each model is and takes, as text: a row a model but the blind guess, or why it cannot run."""
    table = []
    for model in models:
        run = model.run
        if run is None:
            continue
        per_second = answers_per_second(run)
        bits = run.precision if run.quantization == "none" else f"{run.quantization}, {run.precision}"
        table.append(
            {
                "model": model.name,
                "family": run.family or "",
                "what it is": KINDS[run.kind],
                "precision": bits,
                "parameters": _count(run.parameters),
                "weights, MiB": _mib(run.weight_bytes),
                "peak memory, MiB": _mib(run.peak_bytes),
                "answers a second": "" if per_second is None else f"{per_second:,.1f}",
                "answers cut": "" if model.cut is None else f"{model.cut:.1%}",
            }
        )
    return pd.DataFrame(table)


def _said_of_scores(scored: Sequence[ZooModel]) -> str:
    best = max(
        (model for model in scored if model.name != BLIND),
        key=lambda model: _value(model, "exact_match"),
        default=None,
    )
    if best is None:
        return "No model could run here."
    return (
        f"{best.name} has the highest exact match of short answers: {_value(best, 'exact_match'):.3f}. A short answer is what "
        "one rule, the same for all models, cuts out of a sentence; both scores are shown."
    )


def _totals(scored: Sequence[ZooModel], answers: str) -> Figure:
    names = [name for name in METRICS if any(model.score(name, answers) is not None for model in scored)]
    order = [name for name in dict.fromkeys([*ranked("in_table"), *names]) if name in names]
    title = "Short answers" if answers == SHORT else "Answers as they were given"
    listed = [
        {"model": model.name} | {name: _with_interval(model, name, answers) for name in order}
        for model in scored
        if answers == SHORT or model.run is not None
    ]
    said = "; ".join(
        f"{model.name} {_value(model, 'exact_match', answers):.3f}" for model in scored if model.run
    )
    return Figure(f"totals_{answers}", title, f"Exact match: {said}.", {}, "", pd.DataFrame(listed))


def _with_interval(model: ZooModel, name: str, answers: str) -> str:
    found = model.score(name, answers)
    return ABSENT if found is None else score_cell(found["value"], found["low"], found["high"])


def _value(model: ZooModel, metric: str, answers: str = SHORT) -> float:
    found = model.score(metric, answers)
    return float("nan") if found is None else float(found["value"])


def _against(
    scored: Sequence[ZooModel], name: str, title: str, cost: Callable[[ZooModel], float | None], said: str
) -> Figure:
    groups = list(dict.fromkeys(model.run.family for model in scored if model.run and model.run.family))
    views = {}
    for metric in _VIEWS:
        table = []
        for model in scored:
            found, x = model.score(metric), cost(model)
            if found is None or (x is None and model.run is not None):
                continue
            table.append(
                {
                    "name": model.name,
                    "group": model.run.family if model.run else None,
                    "x": x,
                    **{end: found[end] for end in ("value", "low", "high")},
                    "other": _value(model, metric, WHOLE) if model.run else None,
                    "score": _with_interval(model, metric, SHORT),
                    "as_given": _with_interval(model, metric, WHOLE) if model.run else "",
                    "cost": "" if x is None else said.format(x),
                }
            )
        if any(row["x"] is not None for row in table):
            chart = score_points(
                rows(pd.DataFrame(table)), title, METRICS[metric].name.replace("_", " "), groups, _HOVER
            )
            views[metric.replace("_", " ")] = page_spec(chart, _HEIGHT)
    known = {model.name: cost(model) for model in scored if model.run and cost(model) is not None}
    if known:
        smallest, largest = (pick(known, key=known.__getitem__) for pick in (min, max))
        alt = (
            f"From {smallest} ({said.format(known[smallest])}) to {largest} ({said.format(known[largest])})."
        )
    else:
        alt = "It was not measured."
    return Figure(f"against_{name}", f"Score against {name}", alt, views)


def _parameters(model: ZooModel) -> float | None:
    return model.run.parameters if model.run else None


def _memory(model: ZooModel) -> float | None:
    return model.run.peak_bytes / _MIB if model.run and model.run.peak_bytes else None


def _seconds(model: ZooModel) -> float | None:
    rate = answers_per_second(model.run) if model.run else None
    return 1000 / rate if rate else None


def _by_slice(scored: Sequence[ZooModel]) -> list[Figure]:
    figures = []
    for slice_ in SLICED:
        parts = []
        for model in scored:
            table = model.slices[(model.slices["answers"] == SHORT) & (model.slices["slice"] == slice_)]
            parts.append(table.assign(model=model.name))
        cells = pd.concat(parts, ignore_index=True)
        if cells.empty:
            continue
        counts = cells.drop_duplicates("value").set_index("value")["pairs"]
        cells["column"] = [f"{value} ({counts[value]:,} questions)" for value in cells["value"]]
        columns = list(dict.fromkeys(cells["column"]))
        wide = cells.pivot(index="model", columns="column", values="exact_match")
        wide = wide.reindex(index=[model.name for model in scored], columns=columns)
        texts = wide.map(lambda value: ABSENT if pd.isna(value) else f"{value:.3f}").reset_index()
        label = slice_.replace("_", " ")
        said = "; ".join(
            f"{column}: best {wide[column].idxmax()}" for column in columns if wide[column].notna().any()
        )
        figures.append(Figure(f"by_{slice_}", f"By {label}", f"{said}.", {}, "", texts))
    return figures


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _mib(number: int | None) -> str:
    return "" if number is None else f"{number / _MIB:,.1f}"
