"""The task multi_angle: a question that no view decides, asked about every picture of its listing.

A model that understands the object answers the same about each of its views.
"""

import pandas as pd

from vqatune.evaluation.metrics.text import plain
from vqatune.tables.hash_ranks import hash_rank
from vqatune.tasks.inputs import TaskInputs, task_pairs

VIEW_INDEPENDENT = ("object", "color", "material", "pattern", "style", "function")
"""The question types whose answer is the same from every side."""


def multi_angle(inputs: TaskInputs) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the pairs of the task (tables.TASKS), and counts of what is left out.

    Of every listing of the test set with two pictures or more, each question in plain form about something that does not
    depend on the view is asked about each picture, those outside of the sample among them; pictures that are in the
    training or the validation set are not. A question whose answers differ between views is left out. `group` is the
    listing with the question.
    """
    test = inputs.test[inputs.test["question_type"].isin(VIEW_INDEPENDENT)]
    asked = test.assign(text=test["question"].map(plain), said=test["answer"].map(plain))
    answers = asked.groupby(["item_id", "text"])["said"].nunique()
    agreed = answers[answers == 1].index
    first = asked.sort_values("qa_id").drop_duplicates(["item_id", "text"]).set_index(["item_id", "text"])
    first = first.loc[first.index.isin(agreed)].reset_index()

    seen = {*inputs.training["image_id"], *inputs.validation["image_id"]}
    views = inputs.filtered.loc[~inputs.filtered["image_id"].isin(seen), ["item_id", "image_id"]]
    several = views[views.groupby("item_id")["image_id"].transform("size") > 1]
    first = first[first["item_id"].isin(several["item_id"])]
    group = [
        f"{hash_rank(0, item, text):016x}" for item, text in zip(first["item_id"], first["text"], strict=True)
    ]
    first = first.assign(group=pd.Series(group, index=first.index, dtype="str"))
    first = first[first["group"].isin(inputs.first("multi_angle", first["group"]))]
    pairs = first.drop(columns="image_id").merge(several, on="item_id")
    return task_pairs(pairs, "multi_angle"), {"answers_differ_between_views": int((answers > 1).sum())}
