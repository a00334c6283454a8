"""`vqatune review stats`: error rates, what checks drop of good pairs, and agreement, in the terminal."""

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vqatune.inspection.review_figures import ReviewFigures, review_figures
from vqatune.inspection.shares import Share
from vqatune.runtime.terminal import Terminal


def show_review_figures(
    reviews: pd.DataFrame, dropped: dict[str, int] | None, console: Console | None = None
) -> None:
    """Print what reviews say; `dropped` is the number of pairs that each check drops, None where it is not known."""
    console = console or Terminal()
    figures = review_figures(reviews, dropped)
    people = ", ".join(f"{name} {count:,}" for name, count in figures.reviewers.items())
    console.print(
        f"{figures.pairs:,} pairs are reviewed ({people})", highlight=False, markup=False, soft_wrap=True
    )
    console.print(_rates(figures))
    if figures.lost:
        console.print(_lost(figures))
    for each in figures.agreements:
        kappa = "not defined" if each.kappa is None else f"{each.kappa:.2f}"
        console.print(
            f"{each.first} and {each.second}: the same verdict on {each.same.count:,} of {each.same.of:,} pairs "
            f"({interval(each.same)}); Cohen's kappa {kappa}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    console.print("Intervals are 95 % (Wilson).", style="dim", highlight=False, soft_wrap=True)


def interval(share: Share) -> str:
    """Return a share with its interval: '12.0 %, 8.1 to 17.5'."""
    if share.value is None or share.low is None or share.high is None:
        return "–"
    return f"{100 * share.value:.1f} %, {100 * share.low:.1f} to {100 * share.high:.1f}"


def _rates(figures: ReviewFigures) -> Table:
    table = Table("kept pairs by", "", "reviewed", "wrong", "to mend", "unsettled", "wrong or to mend")
    for column in table.columns[2:]:
        column.justify = "right"
    for rate in figures.rates:
        table.add_row(
            rate.by.replace("_", " "),
            escape(rate.value),
            f"{rate.wrong.of + rate.unsettled:,}",
            f"{rate.wrong.count - rate.mended:,}",
            f"{rate.mended:,}",
            f"{rate.unsettled:,}",
            interval(rate.wrong),
        )
    return table


def _lost(figures: ReviewFigures) -> Table:
    table = Table("dropped by", "reviewed", "right", "unsettled", "right", "good pairs dropped in all")
    for column in table.columns[1:]:
        column.justify = "right"
    for lost in figures.lost:
        good = (
            "–"
            if lost.good is None
            else "{:,.0f}, {:,.0f} to {:,.0f} of {:,}".format(*lost.good, lost.dropped)
        )
        table.add_row(
            lost.check.replace("_", " "),
            f"{lost.right.of + lost.unsettled:,}",
            f"{lost.right.count:,}",
            f"{lost.unsettled:,}",
            interval(lost.right),
            good,
        )
    return table
