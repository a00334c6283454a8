"""What is taken for what: a table of references and predictions for each question type, of the most frequent answers."""

import pandas as pd

from vqatune.evaluation.metrics.text import plain

MOST = 10
"""So many references, and predictions, of a question type have a row of their own."""
OTHER = "(other)"
"""All other answers of a question type."""
EMPTY, NO_TYPE = "(empty)", "(none)"
"""An answer without a token, and the question type of pairs without one."""


def confusion_table(pairs: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """Count the pairs of each reference and prediction, in plain form, within each question type.

    Of a question type, the `most` frequent references and the `most` frequent predictions (of equally frequent ones the
    first in the alphabet) stand by themselves, all others as OTHER.

    Args:
        pairs: prediction and references (a text each), and question_type.

    Returns:
        question_type, reference, prediction and pairs (at least 1), sorted by these names, OTHER last.
    """
    answers = pd.DataFrame(
        {
            "question_type": pairs["question_type"].fillna(NO_TYPE).astype("str"),
            "reference": _plain(pairs["references"]),
            "prediction": _plain(pairs["prediction"]),
        }
    )
    for side in ("reference", "prediction"):
        counts = answers.groupby("question_type")[side].value_counts().rename("pairs").reset_index()
        counts = counts.sort_values(["question_type", "pairs", side], ascending=[True, False, True])
        frequent = counts.groupby("question_type").head(most).assign(kept=True)
        kept = answers.merge(frequent, "left", on=["question_type", side])["kept"].notna().to_numpy()
        answers[side] = answers[side].where(kept, OTHER)
    columns = ["question_type", "reference", "prediction"]
    table = answers.value_counts(columns).rename("pairs").reset_index()
    return table.sort_values(columns, key=_other_last, ignore_index=True)


def _plain(texts: pd.Series) -> pd.Series:
    codes, distinct = pd.factorize(texts)
    names = [plain(text) or EMPTY for text in distinct]
    return pd.Series(names, dtype="str").take(codes).set_axis(texts.index)


def _other_last(names: pd.Series) -> pd.Series:
    return names.where(names != OTHER, "\U0010ffff")
