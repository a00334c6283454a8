"""What a version takes for what: a heat map of references and predictions for each question type."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from vqatune.evaluation.scoring.confusion import MOST, OTHER, OTHER_RIGHT
from vqatune.report.charts.common import page_spec, rows
from vqatune.report.charts.counts import CELL, heat_map, shades
from vqatune.report.figures.figure import Figure, as_cells
from vqatune.report.stage_outputs import read_rows

TYPES = 12
"""So many question types, those with most pairs, have a heat map."""

_COLUMNS = ["question_type", "reference", "prediction"]
_HOVER = {"reference": "", "prediction": "", "pairs": ",", "share": ".1%", "examples": ","}


class Cell(NamedTuple):
    """A cell of the confusion table: its question type, and reference and prediction in plain form."""

    question_type: str
    reference: str
    prediction: str


class CellExamples(NamedTuple):
    """How many examples a cell of the confusion table has, and the address of them."""

    link: str
    examples: int


def confusion_figure(root: Path, version: str, examples: Mapping[Cell, CellExamples]) -> Figure:
    """Return the figure of a version's confusions, whose cells lead to examples.

    It reads metrics/confusion. Raises DataError where the version has not been evaluated.

    examples: of each cell that has some.
    """
    path = root / "metrics" / "confusion" / f"{version}.csv"
    table = read_rows(path, f"eval@{version}", *_COLUMNS, "pairs").astype(dict.fromkeys(_COLUMNS, str))
    shown = [examples.get(Cell(*cell)) for cell in table[_COLUMNS].itertuples(index=False, name=None)]
    table = table.assign(
        link=[each.link if each else None for each in shown],
        examples=[each.examples if each else 0 for each in shown],
    )
    sizes = table.groupby("question_type")["pairs"].sum()
    types = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    parts = {name: _in_order(table[table["question_type"] == name]) for name in types[:TYPES]}
    note = (
        f"Rows are references with their number of pairs, columns are what {version} says. Cells count pairs; the larger the "
        "share of the row, the stronger the colour: blue where the answer is right, orange, on a scale that brings small shares out, where it "
        f"is wrong. Answers other than yes, no and the {MOST} most frequent are pooled as {OTHER}; {OTHER_RIGHT} are those of them that are right. "
        "A click on a cell leads to those of its pairs that are among the examples, where there are some; so do the links of the table. "
        f"Cells of {OTHER} lead nowhere."
    )
    if len(types) > TYPES:
        note += f" {len(types) - TYPES} more question types, with fewer pairs, are in metrics/confusion/{version}.csv."
    return Figure(
        "confusion",
        f"What {version} takes for what, by question type",
        _alt(parts, version),
        {name: _chart(part) for name, part in parts.items()},
        note,
        _table(parts),
    )


def _in_order(part: pd.DataFrame) -> pd.DataFrame:
    """Return a type's rows with their share: references from the most frequent on, predictions in the same order."""
    sizes = part.groupby("reference")["pairs"].sum()
    said = part.groupby("prediction")["pairs"].sum()
    references = _by_frequency(sizes)
    predictions = [name for name in references if name in said.index]
    predictions += [name for name in _by_frequency(said) if name not in predictions]
    part = part.assign(
        share=part["pairs"] / part["reference"].map(sizes),
        row=part["reference"].map(references.index),
        column=part["prediction"].map(_last(predictions).index),
    )
    return part.sort_values(["row", "column"], ignore_index=True)


def _by_frequency(sizes: pd.Series) -> list[str]:
    return _last(sorted(sizes.index, key=lambda name: (-sizes[name], name)))


def _last(names: Sequence[str]) -> list[str]:
    """Return the names with OTHER_RIGHT and OTHER at the end, if they are among them."""
    ends = {OTHER_RIGHT: 1, OTHER: 2}
    return sorted(names, key=lambda name: ends.get(name, 0))


def _chart(part: pd.DataFrame) -> dict:
    is_right = (part["prediction"] == part["reference"]) & (part["reference"] != OTHER)
    is_right |= part["prediction"] == OTHER_RIGHT
    # Small shares are what is wrong, mostly.
    strength = part["share"].where(is_right, np.sqrt(part["share"]))
    cells = part.assign(text=[f"{count:,}" for count in part["pairs"]], right=is_right, strength=strength)
    sizes = part.groupby("reference")["pairs"].sum()
    chart = heat_map(
        rows(cells[[*_COLUMNS[1:], "pairs", "share", "strength", "right", "text", "examples", "link"]]),
        "reference",
        "prediction",
        shades("strength", 0, 1, "datum.right"),
        "text",
        _HOVER,
        title="prediction",
        counts={name: f"{count:,}" for name, count in sizes.items()},
        columns=part.sort_values("column")["prediction"].unique().tolist(),
        angle=-40,
        link="link",
    )
    return page_spec(chart, CELL * len(sizes))


def _alt(parts: dict[str, pd.DataFrame], version: str) -> str:
    together = pd.concat(parts.values())
    named = together[(together[["reference", "prediction"]] != OTHER).all(axis=1)]
    wrong = named[named["reference"] != named["prediction"]]
    text = f"References and predictions of {version} for {len(parts)} question types."
    if wrong.empty:
        return text
    most = wrong.sort_values(["pairs", *_COLUMNS], ascending=[False, True, True, True]).iloc[0]
    return (
        f"{text} The most frequent confusion is {most['prediction']} for {most['reference']} in questions of type "
        f"{most['question_type']} ({most['pairs']:,} pairs, {most['share']:.1%} of that reference's)."
    )


def _table(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    together = pd.concat(parts.values(), ignore_index=True)
    names = together["question_type"] + ": " + together["reference"] + " → " + together["prediction"]
    shares = [f"{share:.1%}" for share in together["share"]]
    return pd.DataFrame(
        {
            "reference → prediction": names,
            "pairs": together["pairs"],
            "share of that reference": shares,
            "examples": as_cells(example_links(together["link"], together["examples"])),
        }
    )


def example_links(links: Iterable[str | None], counts: Iterable[int]) -> list[str]:
    """Return links to examples, with their numbers for texts, as HTML; nothing where there are none."""
    link = Markup('<a href="{}">{:,}</a>')
    return [
        link.format(address, count) if count else "" for address, count in zip(links, counts, strict=True)
    ]
