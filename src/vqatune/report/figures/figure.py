"""Sections of the report page and their figures: a chart, its content in words, and its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd


def as_cells(texts: Sequence[str]) -> pd.Series:
    """Return the cells of a table's column, of which those that are Markup stay so."""
    return pd.Series(list(texts), dtype=object)


def same_lines(groups: Mapping[str, Sequence[str]], shown: str) -> str:
    """Return a sentence on the lines of a chart that coincide, or '' where none do.

    groups: the first of each group of them → the others (`equal_metrics`). shown: what has the first alone, and "have" or
    "has".
    """
    shared = [", ".join([name, *others]) for name, others in groups.items() if others]
    if not shared:
        return ""
    return f"Equal in all versions ({shown} the first): {'; '.join(shared)}."


@dataclass(frozen=True)
class Figure:
    """A chart of the page.

    name: an id, unique in the page. alt: a sentence or two that say what it shows, with its main numbers. views: label →
    Vega-Lite spec, none where the table says it all; where there are several, the page lets the reader switch. note: how to read it, in plain
    text. table: the numbers as text, or HTML as Markup.
    """

    name: str
    title: str
    alt: str
    views: dict[str, dict]
    note: str = ""
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Section:
    """A part of the page: an id, a title, some plain text, and its figures."""

    name: str
    title: str
    text: str
    figures: list[Figure] = field(default_factory=list)
