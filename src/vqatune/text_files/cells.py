"""The cells of a file by column, as its format gives them, before they are given a meaning."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=lambda name: None if name == "NaN" else name
)
"""Reads JSON with its numbers as the text that they are; NaN, which Python writes for a missing value, is None."""


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a file by column, and the number of the line or row that each row of cells stands in.

    A cell is text, True or False, a number, None, or a list or object of these.
    """

    path: Path
    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int]
    unit: str
    notes: tuple[str, ...] = ()

    def at(self, row: int) -> str:
        """Return the place of a row: the file and the line."""
        return f"{self.path}, {self.unit} {self.numbers[row]}"
