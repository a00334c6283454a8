"""The page of the zoo: the models side by side, what they take, and any two of them compared."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt
import pandas as pd

from vqatune.errors import DataError
from vqatune.params import Params
from vqatune.report.page.answers import join_answers, read_pairs
from vqatune.report.page.comparison import compare_all
from vqatune.report.page.document import write_document
from vqatune.report.zoo.figures import cost_table, score_table, zoo_sections
from vqatune.report.zoo.tasks import task_section
from vqatune.zoo.results import ZooModel
from vqatune.zoo.short_answers import SHORT, with_short_answers

TEMPLATE = Path(__file__).parent / "assets" / "zoo.html.j2"
SCRIPTS = ("common", "charts", "save", "comparison")
"""The page's own scripts, in their order."""


def write_zoo_page(root: Path, models: Sequence[ZooModel], params: Params, path: Path | str) -> None:
    """Write the page of a finished zoo as one HTML file.

    Args:
        root: the checkout, of which the test set is read.
        models: the blind guess first.
        params: uses zoo.
        path: of the page.

    Raises DataError where predictions are not those of this test set.
    """
    pairs = read_pairs(root)
    scored = [model for model in models if model.can_run]
    for model in scored:
        if not model.predictions["qa_id"].equals(pairs["qa_id"]):
            raise DataError(
                f"the answers of {model.name} are not to the questions of data/test.parquet: run `dvc repro zoo/dvc.yaml`"
            )
    short = [with_short_answers(model.predictions) for model in scored]
    answers = join_answers([model.name for model in scored], pairs, short)
    intervals = {model.name: model.intervals[model.intervals["answers"] == SHORT] for model in scored}
    with alt.utils.schemapi.debug_mode(False):
        charts = zoo_sections(models)
    failed = [(model.name, model.run.reason) for model in models if model.run and model.run.reason]
    write_document(
        TEMPLATE,
        SCRIPTS,
        path,
        models=[model.name for model in models if model.run],
        pairs=len(pairs),
        images=pairs["image_id"].nunique(),
        charts=charts,
        tasks=task_section(models),
        costs=cost_table([model for model in models if model.can_run or model.run is None]),
        scores=score_table(models),
        failed=pd.DataFrame(failed, columns=["model", "reason"]),
        prompts=_prompts(models),
        prompt=params.zoo.prompt,
        comparison=compare_all(answers, intervals, "model"),
    )


def _prompts(models: Sequence[ZooModel]) -> pd.DataFrame:
    asked = {model.run.family: model.run.wording for model in models if model.run and model.run.family}
    return pd.DataFrame(asked.items(), columns=["family", "words"])
