"""What tasks are made from, and the columns that their pairs have in common."""

import json
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pandas as pd

from vqatune.params import TasksParams
from vqatune.tables import TASKS
from vqatune.tables.hash_ranks import hash_ranks


@dataclass(frozen=True)
class TaskInputs:
    """The tables that tasks are made from."""

    test: pd.DataFrame
    """tables.PAIRS of the test set, of the task `general`."""
    training: pd.DataFrame
    """image_id, question, answer and question_type of the training pairs."""
    validation: pd.DataFrame
    """image_id of the validation pairs."""
    filtered: pd.DataFrame
    """image_id and item_id of all images of the catalogue that open."""
    listings: pd.DataFrame
    """item_id and metadata of the listings, in all languages."""
    params: TasksParams
    seed: int

    @cached_property
    def records(self) -> dict[str, dict]:
        """The listings of the test set as their source gives them: item_id → record."""
        wanted = self.listings["item_id"].isin(self.test["item_id"])
        named = self.listings[wanted].drop_duplicates("item_id")
        texts = zip(named["item_id"], named["metadata"], strict=True)
        return {item_id: json.loads(metadata) for item_id, metadata in texts}

    def first(self, purpose: str, keys: Iterable[Hashable]) -> set[Hashable]:
        """Return the keys that a task may ask about: as many of the distinct ones as `tasks.questions`, by hash rank."""
        distinct = sorted(set(keys), key=str)
        order = np.argsort(hash_ranks(self.seed, f"task {purpose}", distinct), kind="stable")
        return {distinct[place] for place in order[: self.params.questions]}


def task_pairs(pairs: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return the pairs of a task with the columns of tables.TASKS, sorted by image_id and qa_id.

    `pairs` has image_id, item_id, product_type, question, answer, difficulty, question_type, attribute, language, generator
    and group, and may have choices. A pair's id is a hash of its task, group, image, language and question.
    """
    named = pairs.assign(task=task)
    if "choices" not in named:
        named["choices"] = None
    keys = zip(*(named[name] for name in ("task", "group", "image_id", "language", "question")), strict=True)
    digests = [blake2b("\x1f".join(key).encode(), digest_size=8).hexdigest() for key in keys]
    named["qa_id"] = pd.Series(digests, index=named.index, dtype="str")
    return named.sort_values(["image_id", "qa_id"], ignore_index=True)[TASKS.names]
