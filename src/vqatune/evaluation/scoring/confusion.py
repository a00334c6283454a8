"""What is taken for what: references and predictions of each question type, of yes, no and the most frequent answers."""

import pandas as pd

from vqatune.evaluation.metrics.answer_kinds import YES_NO
from vqatune.evaluation.metrics.text import plain

MOST = 10
"""So many answers of a question type have a row and a column of their own, and besides them yes and no."""
OTHER = "(other)"
"""All other answers of a question type."""
OTHER_RIGHT = "(other, right)"
"""A prediction among the others that is its reference."""
EMPTY, NO_TYPE = "(empty)", "(none)"
"""An answer without a token, and the question type of pairs without one."""


def confusion_table(pairs: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """Count the pairs of each reference and prediction, in plain form, within each question type.

    Of a question type, yes, no and the `most` answers that are most often a reference or a prediction (of equally frequent
    ones the first in the alphabet) stand by themselves on both sides, so that what is right is on the diagonal; all others
    stand as OTHER, and a prediction among them that is right as OTHER_RIGHT.

    Args:
        pairs: prediction and references (a text each), and question_type.

    Returns:
        question_type, reference, prediction and pairs (at least 1), sorted by these names, OTHER_RIGHT and OTHER last.
    """
    answers = pd.DataFrame(
        {
            "question_type": pairs["question_type"].fillna(NO_TYPE).astype("str"),
            "reference": _plain(pairs["references"]),
            "prediction": _plain(pairs["prediction"]),
        }
    )
    sides = ["reference", "prediction"]
    said = answers.melt("question_type", sides, value_name="answer")
    counts = said.value_counts(["question_type", "answer"]).rename("pairs").reset_index()
    counts = counts.sort_values(["question_type", "pairs", "answer"], ascending=[True, False, True])
    # Whether yes is taken for no is a question of its own, however few they are.
    kept_rows = counts["answer"].isin(YES_NO) | (counts.groupby("question_type").cumcount() < most)
    kept = pd.MultiIndex.from_frame(counts.loc[kept_rows, ["question_type", "answer"]])
    right = answers["reference"] == answers["prediction"]
    for side in sides:
        frequent = pd.MultiIndex.from_frame(answers[["question_type", side]]).isin(kept)
        answers[side] = answers[side].where(frequent, OTHER)
    answers["prediction"] = answers["prediction"].mask(right & (answers["prediction"] == OTHER), OTHER_RIGHT)
    columns = ["question_type", "reference", "prediction"]
    table = answers.value_counts(columns).rename("pairs").reset_index()
    return table.sort_values(columns, key=_other_last, ignore_index=True)


def _plain(texts: pd.Series) -> pd.Series:
    codes, distinct = pd.factorize(texts)
    names = [plain(text) or EMPTY for text in distinct]
    return pd.Series(names, dtype="str").take(codes).set_axis(texts.index)


def _other_last(names: pd.Series) -> pd.Series:
    return names.replace({OTHER_RIGHT: "\U0010fffe", OTHER: "\U0010ffff"})
