"""The pairs of the benchmark tasks that are wanted, a function each."""

from collections.abc import Callable

import pandas as pd

from vqatune.errors import DataError
from vqatune.tables import PAIRS
from vqatune.tasks.inputs import TaskInputs, task_pairs
from vqatune.tasks.multi_angle import multi_angle
from vqatune.tasks.multi_language import multi_language
from vqatune.tasks.multiple_choice import multiple_choice
from vqatune.tasks.unanswerable import unanswerable

Task = Callable[[TaskInputs], tuple[pd.DataFrame, dict[str, int]]]

MADE: dict[str, Task] = {
    "multi_angle": multi_angle,
    "unanswerable": unanswerable,
    "multi_language": multi_language,
    "multiple_choice": multiple_choice,
}
"""Task → its function, which returns its pairs and counts of what it leaves out. category_wise is about the pairs of the test
set, and makes none."""


def make_tasks(inputs: TaskInputs) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Return the pairs of the tasks of `tasks.use` (tables.TASKS), and a report of each: pairs, groups, what is left out.

    Raises DataError where a picture or listing of them is in the training or the validation set, or as a task does.
    """
    made, report = [], {}
    for name in inputs.params.use:
        if name not in MADE:
            continue
        pairs, left_out = MADE[name](inputs)
        made.append(pairs)
        report[name] = {
            "pairs": len(pairs),
            "groups": int(pairs["group"].nunique()),
            "images": int(pairs["image_id"].nunique()),
            **{f"left_out_{reason}": count for reason, count in left_out.items()},
        }
    empty = task_pairs(pd.DataFrame(columns=[*PAIRS.names, "group"], dtype="str"), "none")
    pairs = pd.concat([empty, *made], ignore_index=True).astype({"difficulty": "Int8"})
    seen = pairs["image_id"].isin(inputs.training["image_id"]) | pairs["image_id"].isin(
        inputs.validation["image_id"]
    )
    if seen.any():
        raise DataError(
            f"{int(seen.sum()):,} pairs of tasks are about pictures of the training or the validation set, such as "
            f"{pairs.loc[seen, 'image_id'].min()}: run `dvc repro tasks` again"
        )
    return pairs, report
