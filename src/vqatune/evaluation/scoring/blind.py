"""The blind guess: what one answers who knows the training set and sees no image.

A model that scores no better has learned the habits of the questions and nothing of the images (Goyal et al. 2017,
"Making the V in VQA matter", have the same baseline, "prior").
"""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain


def guess_blindly(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """Return the guess for each test pair, a plain form, with the test pairs' index.

    It is the most frequent training answer to the same question or, where training has no such question, to its
    question type or, where it has no such type, of all; of answers that are equally frequent the first in the alphabet.
    Questions and answers are compared in plain form, and the order of the training pairs makes no difference.

    Args:
        train: question, answer and question_type (null where there is none) of the training pairs.
        test: question and question_type of the test pairs.

    Raises:
        DataError: there is no training pair.
    """
    if train.empty:
        raise DataError(
            "the training set has no pair to guess answers from: run the stages that write it again"
        )
    answers = _plain(train["answer"])
    everywhere = pd.Series("", index=train.index)
    to_questions = _most_frequent(_plain(train["question"]), answers)
    to_types = _most_frequent(train["question_type"], answers)
    guesses = _plain(test["question"]).map(to_questions).astype("str")
    guesses = guesses.fillna(test["question_type"].map(to_types).astype("str"))
    return guesses.fillna(_most_frequent(everywhere, answers)[""])


def blind_exact_match(train: pd.DataFrame, test: pd.DataFrame) -> pd.Series:
    """Return whether the guess is the test pair's answer in plain form: 1.0 or 0.0, with the test pairs' index.

    Takes and raises what `guess_blindly` does; `test` has answer, too.
    """
    return (guess_blindly(train, test) == _plain(test["answer"])).astype(float)


def blind_predictions(train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """Return the guesses as predictions (tables.PREDICTIONS): without a probability and without a grounding.

    Takes and raises what `guess_blindly` does; `test` has qa_id, too, and may have choices (null where there are none), of
    which one is chosen.
    """
    guesses = guess_blindly(train, test)
    if "choices" in test:
        given = test["choices"].notna()
        guesses[given] = choose_blindly(train, test[given])
    return test[["qa_id"]].assign(prediction=guesses, log_probability=None, grounding=None)


def choose_blindly(train: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Return the choice that one makes who sees no image, with the index of the pairs.

    It is the choice that training gives most often to the same question; of equally frequent ones, that which it gives most
    often to the question type, then the first in the alphabet. All are compared in plain form.

    Args:
        train: as for `guess_blindly`.
        pairs: question, question_type, and choices, one text or more each.
    """
    answers = _plain(train["answer"])
    to_questions = Counter(zip(_plain(train["question"]), answers, strict=True))
    to_types = Counter(zip(train["question_type"], answers, strict=True))

    def choose(question: str, kind: str, choices: Sequence[str]) -> str:
        def key(choice: str) -> tuple[int, int, str]:
            text = plain(choice)
            return -to_questions[question, text], -to_types[kind, text], text

        return min(choices, key=key)

    columns = _plain(pairs["question"]), pairs["question_type"], pairs["choices"]
    chosen = [choose(*row) for row in zip(*columns, strict=True)]
    return pd.Series(chosen, index=pairs.index, dtype="str")


def _plain(texts: pd.Series) -> pd.Series:
    """Return the plain forms of texts, each distinct one being brought to it once."""
    codes, distinct = pd.factorize(texts)
    return pd.Series(list(map(plain, distinct)), dtype="str").take(codes).set_axis(texts.index)


def _most_frequent(keys: pd.Series, answers: pd.Series) -> pd.Series:
    """Return the most frequent answer of each key: key → answer; a missing key has none."""
    counts = pd.DataFrame({"key": keys, "answer": answers}).value_counts().rename("pairs").reset_index()
    counts = counts.sort_values(["key", "pairs", "answer"], ascending=[True, False, True])
    return counts.drop_duplicates("key").set_index("key")["answer"]
