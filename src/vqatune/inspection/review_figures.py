"""What reviews say: error rates by generator, question type and check, and how far people agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from vqatune.generation.checks.checks import CHECKS
from vqatune.generation.checks.cleaning import fold
from vqatune.generation.checks.reviews import settle
from vqatune.inspection.shares import Share, cohens_kappa, share


@dataclass(frozen=True)
class ErrorRate:
    """The share of wrong pairs (those to be mended included) among the kept pairs of one kind on which people settled."""

    by: str
    """all, generator or question_type."""
    value: str
    wrong: Share
    mended: int
    """Of those that are wrong."""
    unsettled: int
    """Reviewed, but unclear, or as many people say one thing as another."""


@dataclass(frozen=True)
class LostByCheck:
    """The share of good pairs among the pairs that a check drops."""

    check: str
    right: Share
    unsettled: int
    dropped: int | None
    """All that it drops; None where that is not known."""

    @property
    def good(self) -> tuple[float, float, float] | None:
        """How many good pairs it drops in all: the estimate, and the ends of its interval."""
        if self.dropped is None or self.right.value is None:
            return None
        ends = (self.right.value, self.right.low, self.right.high)
        return tuple(self.dropped * each for each in ends)  # type: ignore[return-value]


@dataclass(frozen=True)
class Agreement:
    """How far two people agree on the pairs that both have reviewed, over all four verdicts."""

    first: str
    second: str
    same: Share
    kappa: float | None


@dataclass(frozen=True)
class ReviewFigures:
    """All of it; `reviewers` are the numbers of verdicts by person."""

    reviewers: Mapping[str, int]
    pairs: int
    rates: list[ErrorRate]
    lost: list[LostByCheck]
    agreements: list[Agreement]


def review_figures(reviews: pd.DataFrame, dropped: Mapping[str, int] | None = None) -> ReviewFigures:
    """Return what reviews say.

    Args:
        reviews: the columns of reviews.COLUMNS.
        dropped: the number of pairs that each check drops in all, where that is known.
    """
    pairs = _settled_pairs(reviews)
    kept = pairs[pairs["check"] == ""]
    rates = [_rate("all", "kept pairs", kept)]
    for by in ("generator", "question_type"):
        rates += [_rate(by, value or "none", rows) for value, rows in kept.groupby(by, sort=True)]
    lost = [
        _lost(name, rows, dropped)
        for name in CHECKS
        if len(rows := pairs[pairs["check"] == name]) and name != "reviewed_wrong"
    ]
    counts = reviews["reviewer"].value_counts().sort_index()
    return ReviewFigures(
        {str(name): int(count) for name, count in counts.items()},
        len(pairs),
        rates,
        lost,
        _agreements(reviews),
    )


def _settled_pairs(reviews: pd.DataFrame) -> pd.DataFrame:
    """Return a row a pair, as it was when it was reviewed, with what is settled on it."""
    settled = settle(reviews)
    keyed = reviews.assign(folded=reviews["answer"].map(fold))
    first = keyed.drop_duplicates(["qa_id", "folded"]).reset_index(drop=True)
    keys = zip(first["qa_id"], first["folded"], strict=True)
    return first.assign(settled=[settled[key].verdict for key in keys])


def _rate(by: str, value: str, pairs: pd.DataFrame) -> ErrorRate:
    counts = pairs["settled"].value_counts()
    right, wrong, mended = (int(counts.get(name, 0)) for name in ("right", "wrong", "mend"))
    decided = right + wrong + mended
    return ErrorRate(by, str(value), share(wrong + mended, decided), mended, len(pairs) - decided)


def _lost(name: str, pairs: pd.DataFrame, dropped: Mapping[str, int] | None) -> LostByCheck:
    counts = pairs["settled"].value_counts()
    decided = sum(int(counts.get(verdict, 0)) for verdict in ("right", "wrong", "mend"))
    right = share(int(counts.get("right", 0)), decided)
    return LostByCheck(name, right, len(pairs) - decided, None if dropped is None else dropped.get(name, 0))


def _agreements(reviews: pd.DataFrame) -> list[Agreement]:
    keyed = reviews.assign(key=reviews["qa_id"] + "\x1f" + reviews["answer"].map(fold))
    said = {
        str(name): rows.drop_duplicates("key", keep="last").set_index("key")["verdict"]
        for name, rows in keyed.groupby("reviewer", sort=True)
    }
    agreements = []
    for first, second in combinations(said, 2):
        both = said[first].index.intersection(said[second].index)
        if len(both):
            ones, others = said[first][both].tolist(), said[second][both].tolist()
            same = sum(one == other for one, other in zip(ones, others, strict=True))
            agreements.append(Agreement(first, second, share(same, len(both)), cohens_kappa(ones, others)))
    return agreements
