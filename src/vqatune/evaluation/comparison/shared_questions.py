"""The questions that the test sets of several versions share, so that versions of other data can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.scoring.evaluation_set import EvaluatedPart, EvaluationSet

_SAME = ["qa_id", "image_id", "question", "answer"]


@dataclass(frozen=True, eq=False)
class SharedQuestions:
    """The questions that all test sets have. None of them was in the training set of any."""

    qa_ids: pd.Index
    notes: list[str]
    """How many questions of each test set are compared; nothing where all test sets are the same."""


def shared_questions(tests: Mapping[str, pd.DataFrame], part: EvaluatedPart = "test") -> SharedQuestions:
    """Find the pairs that all test (or validation) sets have, with the same image, question and answer.

    Args:
        tests: where the versions are from (a revision; empty for this checkout) → qa_id, image_id, question and answer
            of its set.
        part: which set they are.

    Raises DataError where two of them have no pair in common.
    """
    names = {revision: revision or "this checkout" for revision in tests}
    (first, table), *others = ((names[revision], test[_SAME]) for revision, test in tests.items())
    shared = table
    for name, other in others:
        shared = shared.merge(other, on=_SAME)
        if shared.empty:
            raise DataError(
                f"{first} and {name} were measured on different {part} sets (of {len(table)} and {len(other)} pairs, none "
                "is the same): compare versions that share questions"
            )
    if all(len(test) == len(shared) for test in tests.values()):
        return SharedQuestions(pd.Index(shared["qa_id"]), [])
    counts = ", ".join(f"{len(test):,} of {names[revision]}" for revision, test in tests.items())
    line = f"measured on different {part} sets: compared on the {len(shared):,} questions that all have ({counts})"
    return SharedQuestions(pd.Index(shared["qa_id"]), [line])


def only_shared(
    predictions: pd.DataFrame, test: EvaluationSet, shared: SharedQuestions
) -> tuple[pd.DataFrame, EvaluationSet]:
    """Return a version's predictions (tables.PREDICTIONS) and its test set without the questions that are not shared.

    Where all test sets are the same, they are returned as they are.
    """
    if not shared.notes:
        return predictions, test
    kept = predictions["qa_id"].isin(shared.qa_ids), test.pairs["qa_id"].isin(shared.qa_ids)
    return predictions[kept[0]], replace(test, pairs=test.pairs[kept[1]])
