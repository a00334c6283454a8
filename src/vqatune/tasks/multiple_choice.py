"""The task multiple_choice: a question of the test set with four answers to choose from, one of them right.

A wrong answer is what the training set often answers to the same question or, where that has too few answers, to questions
of the same type; it is of the same kind (a number beside numbers), and no synonym of the right one by WordNet.
"""

from collections import Counter
from functools import lru_cache

import pandas as pd

from vqatune.evaluation.metrics.answer_kinds import answer_kind
from vqatune.evaluation.metrics.text import plain
from vqatune.evaluation.metrics.wups import READING, wordnet
from vqatune.tables.hash_ranks import hash_rank
from vqatune.tasks.inputs import TaskInputs, task_pairs

CHOICES = 4
FREQUENT = 12
"""Wrong answers are drawn from so many, the most frequent ones."""


def multiple_choice(inputs: TaskInputs) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the pairs of the task (tables.TASKS), and counts of what is left out.

    Wrong answers are of the kind of the right one (number or other), without it and its synonyms. Three are drawn by hash
    rank of the twelve that training gives most often to the same question in plain form; where these are fewer than three,
    the most frequent ones to the question's type follow. The choices are in the order of a hash. `group` is the qa_id of the
    pair of the test set. Yes/no questions have no four answers, and are left out, as are questions for which three wrong
    ones are not there.

    Raises DataError where WordNet is not installed.
    """
    kinds = inputs.test["answer"].map(answer_kind)
    test = inputs.test[kinds != "yes/no"]
    answers = inputs.training["answer"].map(plain)
    to_questions = _most_frequent(inputs.training["question"].map(plain), answers)
    to_types = _most_frequent(inputs.training["question_type"], answers)
    choices = []
    for qa_id, question, answer, of_type in zip(
        test["qa_id"], test["question"], test["answer"], test["question_type"], strict=True
    ):
        kind = answer_kind(answer)
        frequent = to_questions.get((plain(question), kind), []), to_types.get((of_type, kind), [])
        choices.append(_choices(qa_id, plain(answer), *frequent, inputs.seed))
    pairs = test.assign(choices=choices, group=test["qa_id"])
    enough = pairs["choices"].map(len) == CHOICES
    chosen = inputs.first("multiple_choice", pairs.loc[enough, "qa_id"])
    left_out = {"yes_no": int((kinds == "yes/no").sum()), "too_few_wrong_answers": int((~enough).sum())}
    return task_pairs(pairs[pairs["qa_id"].isin(chosen)], "multiple_choice"), left_out


def _most_frequent(keys: pd.Series, answers: pd.Series) -> dict[tuple[str, str], list[str]]:
    """Return the answers by key and kind of answer, the most frequent first."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for key, answer in zip(keys, answers, strict=True):
        counts.setdefault((key, answer_kind(answer)), Counter())[answer] += 1
    return {
        key: sorted(counter, key=lambda answer: (-counter[answer], answer)) for key, counter in counts.items()
    }


def _choices(qa_id: str, right: str, to_question: list[str], to_type: list[str], seed: int) -> list[str]:
    """Return the right answer and at most three others, in the order of a hash."""
    wrong: list[str] = []
    for frequent in (to_question, to_type):
        others = [text for text in frequent if text not in (right, *wrong) and not synonyms(text, right)]
        drawn = sorted(others[:FREQUENT], key=lambda text: hash_rank(seed, "wrong answer", qa_id, text))
        wrong += drawn[: CHOICES - 1 - len(wrong)]
    return sorted([right, *wrong], key=lambda text: hash_rank(seed, "order of choices", qa_id, text))


@lru_cache(maxsize=1 << 16)
def synonyms(one: str, other: str) -> bool:
    """Tell whether two answers are in one synset of WordNet; raises DataError where it is not installed."""
    with READING:
        reader = wordnet()
        ours, theirs = (
            {synset.name() for synset in reader.synsets(text.replace(" ", "_"))} for text in (one, other)
        )
    return not ours.isdisjoint(theirs)
