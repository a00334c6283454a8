"""Yes/no questions, over the versions and by type: how often yes is said, how often it is the reference, and what is right."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqatune.evaluation.metrics.answer_kinds import YES_NO
from vqatune.evaluation.scoring.slices import SMALLEST_SLICE
from vqatune.params.versions import BASE
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.lines import Axes, score_lines, with_hover
from vqatune.report.figures.figure import Figure
from vqatune.report.history import in_chain

_YES = YES_NO[0]
_RIGHT, _SHARE, _NEITHER, _WANTED = (
    "exact match",
    "share of yes",
    "neither yes nor no",
    "yes in the references",
)
_LINES = (_RIGHT, _SHARE, _NEITHER)
_HEIGHT = 280


def yes_no_figure(
    versions: Sequence[str], texts: np.ndarray, references: np.ndarray, right: np.ndarray, leading: str
) -> Figure | None:
    """Return the figure; None where no reference is yes or no.

    Args:
        versions: in the order of the chain, the base first; the blind guess may stand before it and is not shown.
        texts: the answers in plain form, object of shape (pairs, versions).
        references: in plain form, object of shape (pairs,).
        right: whether the answers are the reference, bool of the answers' shape.
        leading: the version that the chart marks and of which texts speak.
    """
    asked = np.isin(references, YES_NO)
    if not asked.any():
        return None
    chain = in_chain(versions)
    places = [versions.index(name) for name in chain]
    wanted = float((references[asked] == _YES).mean())
    table = pd.DataFrame(
        {
            "version": chain,
            _RIGHT: right[asked][:, places].mean(axis=0),
            _SHARE: (texts[asked][:, places] == _YES).mean(axis=0),
            _NEITHER: (~np.isin(texts[asked][:, places], YES_NO)).mean(axis=0),
        }
    )
    own = table.iloc[chain.index(leading)]
    marked = "" if leading == BASE else f", and a solid one {leading}"
    return Figure(
        "yes_no",
        "Yes/no questions: how often is yes said?",
        f"Of {asked.sum():,} questions whose reference is yes or no, {leading} answers yes to {own[_SHARE]:.3f}, and "
        f"yes is right for {wanted:.3f}; its exact match on them is {own[_RIGHT]:.3f}.",
        {"All": _chart(table, wanted, leading)},
        "All lines are of the questions whose reference is yes or no. A version that says yes far more or far less often than the "
        "dashed line, the share of yes among the references, leans to one answer, unless it answers with neither. A dotted "
        f"vertical line marks the base model{marked}.",
        table.assign(**{name: [f"{value:.3f}" for value in table[name]] for name in _LINES}),
    )


def yes_no_types_figure(cells: pd.DataFrame, version: str) -> Figure | None:
    """Return a table of a version's yes/no questions by question type; None where fewer than two types have some.

    cells: a row a test pair: question_type, reference and prediction in plain form, and right (`pair_cells`).
    """
    asked = cells[cells["reference"].isin(YES_NO)]
    table = pd.DataFrame(
        {
            "question type": asked["question_type"],
            _RIGHT: asked["right"],
            _SHARE: asked["prediction"] == _YES,
            _NEITHER: ~asked["prediction"].isin(YES_NO),
            _WANTED: asked["reference"] == _YES,
        }
    )
    groups = table.groupby("question type", sort=True)
    if groups.ngroups < 2:
        return None
    shares = groups.mean().assign(questions=groups.size())
    shares = shares.sort_values([_RIGHT, "questions"], ascending=[True, False], kind="stable")
    shown = shares[[*_LINES, _WANTED]].map(lambda share: f"{share:.3f}")
    # On a telephone, longer names would push the last column out.
    shown = shown.rename(columns={_NEITHER: "neither", _WANTED: "yes is right"})
    shown.insert(0, "questions", [f"{count:,}" for count in shares["questions"]])
    return Figure(
        "yes_no_types",
        f"Yes/no questions of each type, answered by {version}",
        _types_alt(shares[shares["questions"] >= SMALLEST_SLICE], version),
        {},
        table=shown.reset_index(),
    )


def _types_alt(shares: pd.DataFrame, version: str) -> str:
    """Return what a table of shares says, whose types are those with enough questions, the worst first."""
    if len(shares) < 2:
        return f"Fewer than two question types have {SMALLEST_SLICE} yes/no questions."
    of_types = f"Of question types with at least {SMALLEST_SLICE} yes/no questions"
    worst = shares.iloc[0]
    best = shares[shares[_RIGHT] == shares[_RIGHT].max()].iloc[0]
    if worst[_RIGHT] == best[_RIGHT]:
        text = f"{of_types}, {version} is right equally often on all: {best[_RIGHT]:.3f}."
    else:
        text = (
            f"{of_types}, {version} is right least often on {worst.name} ({worst[_RIGHT]:.3f} of "
            f"{worst['questions']:,.0f}) and most often on {best.name} ({best[_RIGHT]:.3f} of {best['questions']:,.0f})."
        )
    # What is answered with neither leans to neither.
    leaning = (shares[_SHARE] - shares[_WANTED]).abs() - shares[_NEITHER]
    if leaning.max() <= 0:
        return text
    most = shares.loc[leaning.idxmax()]
    return (
        f"{text} Its share of yes is furthest from that of the references on {most.name}: {most[_SHARE]:.3f}, where yes is "
        f"right for {most[_WANTED]:.3f}."
    )


def _chart(table: pd.DataFrame, wanted: float, leading: str) -> dict:
    numbered = table.assign(number=range(len(table)))
    lines = numbered.melt("number", list(_LINES), "line", "value").astype({"number": "Int64"})
    across = {"number": None, "line": _WANTED, "value": wanted}
    axes = Axes("number", "value", "version", "share of yes/no questions")
    chain = table["version"].tolist()
    chart = score_lines(
        [*rows(lines), *rows(pd.DataFrame([across]))],
        axes,
        "line",
        [*_LINES, _WANTED],
        across=[_WANTED],
        versions=chain,
        band=False,
        zero=True,
    )
    texts = numbered.assign(**{name: [f"{value:.3f}" for value in table[name]] for name in _LINES})
    hover = {name: "" for name in ("version", *_LINES)}
    return page_spec(with_hover(chart, axes, texts, hover, leading), _HEIGHT)
