"""The test set of the versions, and checks that predictions belong to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics.table import MARKS
from vqatune.tables import PAIRS, SAMPLED, read_table


@dataclass(frozen=True, eq=False)
class TestSet:
    """The test pairs, and the tables that their slices come from."""

    __test__: ClassVar[bool] = False
    """Keeps pytest from collecting it."""

    pairs: pd.DataFrame
    """tables.PAIRS of the test set."""
    training: pd.DataFrame
    """question, answer and question_type of all training pairs."""
    tiers: pd.DataFrame
    """product_type and tier of the sampled images."""


def read_test(root: Path) -> TestSet:
    """Read the test set of a checkout; raises DataError where it has not been made yet."""
    data = root / "data"
    return TestSet(
        read_table(data / "test.parquet", PAIRS),
        read_table(data / "train.parquet", PAIRS, ["question", "answer", "question_type"]),
        read_table(data / "sampled.parquet", SAMPLED, ["product_type", "tier"]),
    )


def check_test(test: pd.DataFrame) -> None:
    """Raise DataError where test pairs (tables.PAIRS) cannot be scored."""
    if test.empty:
        raise DataError(
            "the test set has no pair to score: run the stages that write it again, with more images"
        )
    problems = {
        "repeated qa_id": test["qa_id"].duplicated().sum(),
        "no answer": test["answer"].isna().sum(),
        f"a difficulty other than {', '.join(map(str, MARKS))}": (
            ~test["difficulty"].dropna().isin(list(MARKS))
        ).sum(),
    }
    if found := _listed(problems):
        raise DataError(f"the test set cannot be scored ({found}): run the stages that write it again")


def check_predictions(predictions: pd.DataFrame, test: pd.DataFrame) -> None:
    """Raise DataError where predictions (tables.PREDICTIONS) are not exactly one for each test pair."""
    answered = pd.Index(predictions.loc[predictions["prediction"].notna(), "qa_id"])
    problems = {
        "test pairs without a prediction": _lacking(pd.Index(test["qa_id"]), answered),
        "predictions for pairs that are not in the test set": _lacking(
            pd.Index(predictions["qa_id"]), pd.Index(test["qa_id"])
        ),
        "repeated predictions": int(predictions["qa_id"].duplicated().sum()),
    }
    if found := _listed(problems):
        raise DataError(f"the predictions do not belong to this test set ({found}): run predict again")


def _lacking(names: pd.Index, among: pd.Index) -> int:
    """Return how many of the names are not among the others."""
    return int((among.unique().get_indexer(names) < 0).sum())


def _listed(problems: dict[str, int]) -> str:
    return ", ".join(f"{count} × {problem}" for problem, count in problems.items() if count)
