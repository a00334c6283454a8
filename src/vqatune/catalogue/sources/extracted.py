"""What every source gives: the tables of listings and of images."""

from dataclasses import dataclass

import pandas as pd

NAMED = 1000
"""Maximum number of bad lines and of missing pictures named in the report; all of them are counted."""


@dataclass(frozen=True)
class Extracted:
    """The contents of a catalogue: tables.LISTINGS, tables.IMAGES, and a report of counts and of what is amiss."""

    listings: pd.DataFrame
    images: pd.DataFrame
    report: dict[str, int | list[str]]
