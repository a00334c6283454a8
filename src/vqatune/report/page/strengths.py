"""Where a version is strongest and weakest: the slices in which it differs most, and least, from the blind guess."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from vqatune.evaluation.scoring.slices import SLICES, SMALLEST_SLICE
from vqatune.params.versions import BASE, BLIND
from vqatune.report.page.comparison import FEWEST_IMAGES, half_width
from vqatune.report.page.example_links import FIELDS, count_examples, example_link

MOST = 3
"""So many strengths are named, and so many weaknesses."""


@dataclass(frozen=True)
class Standing:
    """How a version does in a slice.

    slice: a key of SLICES. value: of the slice. pairs: its questions. share, compared: of right answers, by the version and
    by what it is compared with. half: half the width of the 95 % interval of their difference. link: to `examples` of its
    questions; None where the page has none.
    """

    slice: str
    value: str
    pairs: int
    share: float
    compared: float
    half: float
    link: str | None = None
    examples: int = 0

    @property
    def label(self) -> str:
        """As the slice is called in texts."""
        return SLICES[self.slice].label

    @property
    def difference(self) -> float:
        """By how much more, or less, of the questions are answered right."""
        return self.share - self.compared

    @property
    def verdict(self) -> Literal["better", "worse"] | None:
        """Whether it does better or worse than what it is compared with; None where the interval holds no difference."""
        if abs(self.difference) <= self.half:
            return None
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Strengths:
    """The largest strengths and weaknesses of a version, the most telling first."""

    version: str
    compared_with: str
    strengths: list[Standing]
    weaknesses: list[Standing]


def find_strengths(
    comparison: Mapping[str, Any], examples: Mapping[str, Any], version: str
) -> Strengths | None:
    """Return where a version gains most and least on the blind guess, or on base where there is none.

    Only slices of at least SMALLEST_SLICE questions and FEWEST_IMAGES pictures count. Strengths are
    ordered by the lower end of the interval and weaknesses by its upper end, so that a few lucky questions make none. A
    slice in which it gains nothing is no strength.

    Args:
        comparison: what comparison_data returns.
        examples: what example_data returns.
        version: a name.

    Returns None where there is nothing to compare with, or no slice is large enough.
    """
    versions = comparison["versions"]
    other = BLIND if BLIND in versions else BASE
    if other == version:
        return None
    rows = [row for row in comparison["slices"] if row["slice"] in SLICES and SLICES[row["slice"]].in_report]
    large = [row for row in rows if row["pairs"] >= SMALLEST_SLICE and row["images"] >= FEWEST_IMAGES]
    standings = [_standing(row, versions, version, other) for row in large]
    gains = [each for each in standings if each.difference > 0]
    strengths = sorted(gains, key=lambda each: each.half - each.difference)[: min(MOST, len(standings) // 2)]
    others = [each for each in standings if each not in strengths]
    weaknesses = sorted(others, key=lambda each: each.difference + each.half)[:MOST]
    if not strengths and not weaknesses:
        return None
    gained = {"a": other, "ar": "wrong", "b": version, "br": "right"}
    failed = {"a": other, "b": version, "br": "wrong"}
    return Strengths(
        version,
        other,
        [_with_link(each, examples, gained) for each in strengths],
        [_with_link(each, examples, failed) for each in weaknesses],
    )


def _standing(row: Mapping[str, Any], versions: list[str], version: str, other: str) -> Standing:
    places = versions.index(version), versions.index(other)
    half = half_width(row, versions, version, other)
    share, compared = (row["right"][place] / row["pairs"] for place in places)
    return Standing(row["slice"], row["value"], row["pairs"], share, compared, half)


def _with_link(standing: Standing, examples: Mapping[str, Any], outcome: dict[str, str]) -> Standing:
    """Return it with a link to the examples of an outcome, or to all of the slice where these are none."""
    of_slice = {FIELDS[standing.slice]: standing.value}
    for wanted in (of_slice | outcome, of_slice):
        count = count_examples(examples, wanted)
        if count:
            return replace(standing, link=example_link(wanted), examples=count)
    return standing
