"""The task unanswerable: questions whose answer only the text of a listing holds, not its picture.

A model that knows what it sees gives its answers to them a low probability.
"""

import numpy as np
import pandas as pd

from vqatune.generation.sources.attribute_templates import attribute_question
from vqatune.generation.sources.language_files import code_of
from vqatune.generation.sources.slots import ATTRIBUTES
from vqatune.tables.hash_ranks import hash_rank
from vqatune.tasks.inputs import TaskInputs, task_pairs
from vqatune.tasks.listing_values import values_in

UNSEEN = (
    *("creator", "date", "collection", "institution", "accession_number", "dimensions", "language", "rights"),
    *("brand", "manufacturer", "model_name", "model_number", "model_year", "item_weight", "price"),
)
"""The fields of a listing that no picture shows."""
LONGEST = 8
"""The most words of an answer."""


def unanswerable(inputs: TaskInputs) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the pairs of the task (tables.TASKS), and counts of what is left out.

    Each listing of the test set is asked for what its text says and no picture shows (its brand, weight, creator, …), in
    the language of its pairs, about one of its pictures, drawn by hash rank; the answer is the first value. `group` is the
    listing's item_id. Answers of more than eight words are left out, as are languages without templates.
    """
    ranked = inputs.test.assign(
        rank=[hash_rank(inputs.seed, "unanswerable picture", image) for image in inputs.test["image_id"]]
    )
    pictures = ranked.sort_values(["item_id", "rank", "qa_id"]).drop_duplicates("item_id")
    rows, longer, without_templates = [], 0, 0
    for row in pictures.itertuples(index=False):
        code = code_of(row.language)
        for attribute in UNSEEN:
            value = next(iter(values_in(inputs.records[row.item_id], attribute, code or "")), None)
            if value is None:
                continue
            question = code and attribute_question(attribute, code, row.item_id, inputs.seed)
            if not question:
                without_templates += 1
            elif len(value.split()) > LONGEST:
                longer += 1
            else:
                rows.append(
                    (row.image_id, row.item_id, row.product_type, question, value, attribute, row.language)
                )
    names = ["image_id", "item_id", "product_type", "question", "answer", "attribute", "language"]
    pairs = pd.DataFrame(rows, columns=names).astype("str")
    pairs = pairs.assign(
        difficulty=[ATTRIBUTES[attribute].difficulty for attribute in pairs["attribute"]],
        question_type=[ATTRIBUTES[attribute].question_type for attribute in pairs["attribute"]],
        generator="template",
        group=pairs["item_id"],
    )
    keys = list(zip(pairs["item_id"], pairs["attribute"], strict=True))
    chosen = inputs.first("unanswerable", keys)
    pairs = pairs[np.array([key in chosen for key in keys], dtype=bool)]
    return task_pairs(pairs, "unanswerable"), {
        "answers_too_long": longer,
        "without_templates": without_templates,
    }
