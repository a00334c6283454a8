"""The report page: a finished run of the versions."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt

from vqatune.params import Params
from vqatune.report.figures.data import data_section
from vqatune.report.figures.tasks import task_section
from vqatune.report.figures.versions import version_sections
from vqatune.report.history import best_version, in_chain, score_history
from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import comparison_data
from vqatune.report.page.document import FOLDER, write_document
from vqatune.report.page.examples import example_data
from vqatune.report.page.provenance import Made, changed_parameters
from vqatune.report.page.summary import summarize
from vqatune.report.page.views import view_data

SCRIPTS = ("common", "charts", "comparison", "examples")
"""The page's own scripts, in their order."""


def write_page(
    root: Path, versions: Sequence[str], params: Params, path: Path | str, made: Made | None = None
) -> None:
    """Write the report of a finished run as one HTML file; the same run gives the same bytes.

    Args:
        root: the checkout of the run.
        versions: their names, base first; the blind guess may stand before it.
        params: those of the run.
        path: of the page.
        made: facts on this run and machine; without it the page explains how to see them.

    Raises:
        DataError: something that the page shows has not been made yet. ArchiveError: the images are missing.
        ParameterError: eval.best_by chooses by no score.
    """
    best = best_version(score_history(root / "metrics", versions, params.eval.best_by))
    answers = read_answers(root, versions)
    comparison = comparison_data(root, answers)
    # The charts' tests validate them; doing it again here takes a third of the time.
    with alt.utils.schemapi.debug_mode(False):
        tasks = task_section(root, versions) if params.tasks.use else None
        charts = [data_section(root), *version_sections(root, versions), *([tasks] if tasks else [])]
    write_document(
        FOLDER / "report.html.j2",
        SCRIPTS,
        path,
        summary=summarize(root, comparison, best),
        versions=in_chain(versions),
        charts=charts,
        comparison=comparison,
        views=view_data(root, versions, params.seed) if "multi_angle" in params.tasks.use else [],
        examples=example_data(root, answers, params.seed),
        parameters=changed_parameters(params),
        made=made,
    )
