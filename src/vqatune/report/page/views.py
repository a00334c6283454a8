"""Several views of a listing side by side, with what versions answer to the same question about each."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.evaluation.metrics.text import plain
from vqatune.loading.archive import read_bytes
from vqatune.report.history import in_chain
from vqatune.report.page.examples import thumbnail
from vqatune.tables import IMAGES, PLACE, PREDICTIONS, TASKS, read_table
from vqatune.tables.hash_ranks import hash_rank

COUNT = 3
"""So many questions whose views get the same answer are shown, and as many whose views do not."""
SIZE = 120
"""The longer side of a view that is shown, in pixels."""


@dataclass(frozen=True)
class View:
    """A picture, and the answers about it."""

    source: str
    """A data: URI."""
    answers: list[tuple[str, str, bool]]
    """Version, answer, and whether it is right."""


@dataclass(frozen=True)
class Views:
    """A question about all views of a listing."""

    question: str
    reference: str
    item: str
    views: list[View]


def view_data(root: Path, versions: Sequence[str], leading: str, seed: int) -> list[Views]:
    """Return questions of the task multi_angle, those whose views the leading version answers alike first.

    They are drawn by hash rank; the answers are those of the base and of the leading version. A view that does not open is
    left out. Raises DataError where a table is missing.
    """
    tasks = read_table(root / "data/tasks.parquet", TASKS)
    tasks = tasks[tasks["task"] == "multi_angle"]
    shown = list(dict.fromkeys([in_chain(versions)[0], leading]))
    for version in shown:
        path = root / f"data/predictions/tasks/{version}.parquet"
        answers = read_table(path, PREDICTIONS, ["qa_id", "prediction"]).set_index("qa_id")["prediction"]
        tasks = tasks.assign(**{f"answer {version}": tasks["qa_id"].map(answers).fillna("")})
    agree = tasks.groupby("group")[f"answer {shown[-1]}"].agg(lambda own: own.map(plain).nunique() == 1)
    drawn = [
        group
        for alike in (True, False)
        for group in sorted(agree.index[agree == alike], key=lambda name: hash_rank(seed, "views", name))[
            :COUNT
        ]
    ]
    places = read_table(root / "data/extracted/images.parquet", IMAGES, PLACE).set_index("image_id")
    groups = dict(iter(tasks[tasks["group"].isin(drawn)].groupby("group")))
    return [_views(root, groups[group], shown, places) for group in drawn]


def _views(root: Path, own: pd.DataFrame, shown: Sequence[str], places: pd.DataFrame) -> Views:
    views = []
    for row in own.sort_values("image_id").to_dict("records"):
        place = places.loc[row["image_id"]]
        try:
            small = thumbnail(
                read_bytes(root / place["archive"], int(place["offset"]), int(place["length"])), SIZE
            )
        except ValueError:
            # Its answers are empty, and the stage that gave them has said so.
            continue
        source = "data:image/jpeg;base64," + base64.b64encode(small).decode()
        answers = [(name, row[f"answer {name}"]) for name in shown]
        right = plain(row["answer"])
        views.append(View(source, [(name, text, plain(text) == right) for name, text in answers]))
    first = own.iloc[0]
    return Views(first["question"], first["answer"], first["item_id"], views)
