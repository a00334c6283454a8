"""Reviews of pairs on the report page: how many kept pairs people call wrong, and how far they agree."""

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from vqatune.generation.checks.reviews import read_reviews
from vqatune.inspection.review_figures import Agreement, ErrorRate, ReviewFigures, review_figures
from vqatune.report.figures.figure import Figure, Section, as_cells
from vqatune.report.terminal.reviews import interval


def review_section(path: Path) -> Section | None:
    """Return the section on the reviews in a file; None where it does not exist or has none.

    Raises DataError where the file is damaged.
    """
    if not path.exists() or (reviews := read_reviews(path)).empty:
        return None
    figures = review_figures(reviews)
    people = ", ".join(f"{name} {count:,}" for name, count in figures.reviewers.items())
    text = (
        f"{figures.pairs:,} pair{'s are' if figures.pairs != 1 else ' is'} reviewed (verdicts: {people}). A pair counts once, by what most people say of it, and as "
        "it was when it was reviewed. Intervals are 95\u00a0% (Wilson)."
    )
    made = [_rates(figures), _agreements(figures.agreements)]
    return Section("reviews", "Reviews of pairs", text, [figure for figure in made if figure])


def _rates(figures: ReviewFigures) -> Figure:
    whole = figures.rates[0]
    alt = (
        f"Of {whole.wrong.of:,} kept pairs on which people settled, {whole.wrong.count:,} are wrong or to be mended "
        f"({interval(whole.wrong)})."
    )
    table = pd.DataFrame(
        {
            "kept pairs": as_cells([_name(rate) for rate in figures.rates]),
            "settled": [f"{rate.wrong.of:,}" for rate in figures.rates],
            "wrong": [f"{rate.wrong.count - rate.mended:,}" for rate in figures.rates],
            "to mend": [f"{rate.mended:,}" for rate in figures.rates],
            "wrong or to mend": [interval(rate.wrong) for rate in figures.rates],
        }
    )
    return Figure("review_rates", "How many kept pairs are wrong", alt, {}, table=table)


def _name(rate: ErrorRate) -> str:
    if rate.by == "all":
        return "all"
    return Markup('<span class="kind">{}</span> {}').format(rate.by.replace("_", " "), rate.value)


def _agreements(agreements: list[Agreement]) -> Figure | None:
    if not agreements:
        return None
    table = pd.DataFrame(
        {
            "two people": [f"{each.first} and {each.second}" for each in agreements],
            "pairs of both": [f"{each.same.of:,}" for each in agreements],
            "same verdict": [interval(each.same) for each in agreements],
            "Cohen's kappa": ["–" if each.kappa is None else f"{each.kappa:.2f}" for each in agreements],
        }
    )
    alt = "How often two people give a pair the same of four verdicts, and how far that is beyond chance (Cohen's kappa)."
    return Figure("review_agreement", "How far people agree", alt, {}, table=table)
