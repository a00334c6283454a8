"""The report page: a finished run of the versions."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt

from vqatune.params import Params
from vqatune.params.versions import BASE, BLIND
from vqatune.report.figures.data import data_section
from vqatune.report.figures.exact_match import exact_match_section
from vqatune.report.figures.figure import Section
from vqatune.report.figures.tasks import task_section
from vqatune.report.figures.versions import version_sections
from vqatune.report.history import best_version, in_chain, score_history
from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import comparison_data
from vqatune.report.page.document import FOLDER, write_document
from vqatune.report.page.errors import find_errors
from vqatune.report.page.examples import example_data
from vqatune.report.page.provenance import Made, changed_parameters, training_parameters
from vqatune.report.page.strengths import find_strengths
from vqatune.report.page.summary import summarize
from vqatune.report.page.type_cards import type_cards
from vqatune.report.page.views import view_data

SCRIPTS = ("common", "charts", "save", "comparison", "examples")
"""The page's own scripts, in their order."""


def write_page(
    root: Path,
    versions: Sequence[str],
    params: Params,
    path: Path | str,
    made: Made | None = None,
    further: Sequence[Section] = (),
) -> None:
    """Write the report of a finished run as one HTML file; the same run gives the same bytes.

    Args:
        root: the checkout of the run.
        versions: their names, base first; the blind guess may stand before it.
        params: those of the run.
        path: of the page.
        made: facts on this run and machine; without it the page explains how to see them.
        further: sections on what is beside the run.

    Raises:
        DataError: something that the page shows has not been made yet. ArchiveError: the images are missing.
        ParameterError: eval.best_by chooses by no score.
    """
    history = score_history(root / "metrics", versions, params.eval.best_by)
    best = best_version(history)
    leading = versions[-1] if best is None else best.version
    answers = read_answers(root, versions)
    opened = {"opened": _compared_first(versions, leading)}
    comparison = comparison_data(root, answers) | opened
    examples = example_data(root, answers, params.seed, leading) | opened
    # The charts' tests validate them; doing it again here takes a third of the time.
    with alt.utils.schemapi.debug_mode(False):
        overall = exact_match_section(root, versions, history, leading)
        tasks = task_section(root, versions, leading) if params.tasks.use else None
        errors = find_errors(root, answers, examples, leading)
        scores = [*version_sections(root, versions, leading), *([tasks] if tasks else [])]
        data = data_section(root)
    asked = dict.fromkeys([*(name for name in versions if name == BLIND), BASE, leading])
    write_document(
        FOLDER / "report.html.j2",
        SCRIPTS,
        path,
        summary=summarize(root, comparison, leading, best, params),
        versions=in_chain(versions),
        leading=leading,
        cards=type_cards(answers, examples, asked),
        overall=overall,
        strengths=find_strengths(comparison, examples, leading),
        errors=errors,
        scores=scores,
        comparison=comparison,
        views=view_data(root, versions, leading, params.seed) if "multi_angle" in params.tasks.use else [],
        examples=examples,
        data=data,
        training=training_parameters(params),
        parameters=changed_parameters(params),
        made=made,
        further=further,
    )


def _compared_first(versions: Sequence[str], leading: str) -> list[str]:
    """Return the two versions that the comparison and the examples open with: base and the leading one, or the last where that is base."""
    return [BASE, leading if leading != BASE else versions[-1]]
