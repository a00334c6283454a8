"""The zoo on the report page: the models with the highest exact match, and a link to the zoo's own page."""

import os
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from vqatune.params.versions import BLIND
from vqatune.report.figures.figure import Figure, Section
from vqatune.tables import read_csv
from vqatune.zoo.short_answers import SHORT

BEST = 5
"""So many models are shown, and the blind guess beside them."""

_TABLE, _PAGE = Path("metrics/zoo.csv"), Path("metrics/zoo.html")
_SCORES = ("exact_match", "skill")
_TINY = 20e6
"""So few parameters are worth a word, as a model here may bear the name of a published one a hundred times as large."""


def zoo_section(root: Path, page: Path) -> Section | None:
    """Return the section on the zoo of a checkout; None where it has none, or no model could run.

    It reads metrics/zoo.csv. page: the path of the page that shows it, to which the link to metrics/zoo.html is relative.
    Raises DataError where the table is damaged.
    """
    if not (root / _TABLE).exists():
        return None
    columns = [f"{score}{end}" for score in _SCORES for end in ("", "_low", "_high")]
    table = read_csv(root / _TABLE, "model", "answers", "pairs", "parameters", *columns)
    answered = table[(table["answers"] == SHORT) & table["exact_match"].notna()]
    answered = answered.sort_values("exact_match", ascending=False, kind="stable")
    models = answered[answered["model"] != BLIND]
    if models.empty:
        return None
    first = models.iloc[0]
    alt = (
        f"Of the zoo's {len(models)} models {first['model']} has the highest exact match, {first['exact_match']:.3f}, on "
        f"{first['pairs']:,.0f} test questions."
    )
    if len(models) > BEST:
        alt += f" The table has the best {BEST} and the blind guess."
    if models["parameters"].max() < _TINY:
        most = models["parameters"].max()
        alt += f" None has more than {most:,.0f} parameters: they are tiny models of the architectures that they are named after."
    shown = answered[answered["model"].isin([BLIND, *models["model"].head(BEST)])]
    figure = Figure("zoo_best", "The best models", alt, {}, table=_table(shown))
    return Section("zoo", "Other models", _text(root, page), [figure])


def _text(root: Path, page: Path) -> str:
    text = (
        "The models listed under zoo.models in params.yaml, on this test set: untuned ones and, where the list has them, versions "
        "of this run, of which it need not have the one that validation chooses. Scores are of short answers, cut out of "
        "sentences by one rule, with 95\u00a0% intervals; skill is 0 for the blind guess and 1 for always being right."
    )
    if not (root / _PAGE).exists():
        return text
    address = Path(os.path.relpath(root / _PAGE, page.parent)).as_posix()
    return Markup(
        '{} All of them, what they take, and any two compared: <a href="{}">the zoo\'s page</a>.'
    ).format(text, address)


def _table(answered: pd.DataFrame) -> pd.DataFrame:
    columns = {"model": answered["model"]}
    for score in _SCORES:
        columns[score.replace("_", " ")] = [
            f"{row[score]:.3f}"
            + ("" if pd.isna(low := row[f"{score}_low"]) else f" ({low:.3f} to {row[f'{score}_high']:.3f})")
            for row in answered.to_dict("records")
        ]
    columns["parameters"] = ["" if pd.isna(count) else f"{count:,.0f}" for count in answered["parameters"]]
    return pd.DataFrame(columns)
