"""Sections of the report page and their figures: a chart, its content in words, and its numbers."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Figure:
    """A chart of the page.

    name: an id, unique in the page. alt: a sentence or two that say what it shows, with its main numbers. views: label →
    Vega-Lite spec, one at least; where there are several, the page lets the reader switch. note: how to read it, in plain
    text. table: the numbers as text.
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
