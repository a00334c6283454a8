"""The test or the validation set of the versions, and checks that predictions belong to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.metrics.table import MARKS
from vqatune.tables import PAIRS, SAMPLED, read_table

EvaluatedPart = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """The pairs that versions are scored on, and the tables that their slices come from."""

    pairs: pd.DataFrame
    """tables.PAIRS."""
    training: pd.DataFrame
    """question, answer and question_type of all training pairs."""
    tiers: pd.DataFrame
    """product_type and tier of the sampled images."""
    name: EvaluatedPart = "test"


def read_evaluation_set(root: Path, name: EvaluatedPart = "test") -> EvaluationSet:
    """Read the test or the validation set of a checkout; raises DataError where it has not been made yet."""
    data = root / "data"
    return EvaluationSet(
        read_table(data / f"{name}.parquet", PAIRS),
        read_table(data / "train.parquet", PAIRS, ["question", "answer", "question_type"]),
        read_table(data / "sampled.parquet", SAMPLED, ["product_type", "tier"]),
        name,
    )


def check_pairs(evaluated: EvaluationSet) -> None:
    """Raise DataError where the pairs of a set cannot be scored."""
    pairs = evaluated.pairs
    if pairs.empty:
        raise DataError(
            f"the {evaluated.name} set has no pair to score: run the stages that write it again, with more images"
        )
    problems = {
        "repeated qa_id": pairs["qa_id"].duplicated().sum(),
        "no answer": pairs["answer"].isna().sum(),
        f"a difficulty other than {', '.join(map(str, MARKS))}": (
            ~pairs["difficulty"].dropna().isin(list(MARKS))
        ).sum(),
    }
    if found := _listed(problems):
        raise DataError(
            f"the {evaluated.name} set cannot be scored ({found}): run the stages that write it again"
        )


def check_predictions(predictions: pd.DataFrame, evaluated: EvaluationSet) -> None:
    """Raise DataError where predictions (tables.PREDICTIONS) are not exactly one for each pair of a set."""
    pairs, name = evaluated.pairs, evaluated.name
    answered = pd.Index(predictions.loc[predictions["prediction"].notna(), "qa_id"])
    problems = {
        f"{name} pairs without a prediction": _lacking(pd.Index(pairs["qa_id"]), answered),
        f"predictions for pairs that are not in the {name} set": _lacking(
            pd.Index(predictions["qa_id"]), pd.Index(pairs["qa_id"])
        ),
        "repeated predictions": int(predictions["qa_id"].duplicated().sum()),
    }
    if found := _listed(problems):
        raise DataError(f"the predictions do not belong to this {name} set ({found}): run predict again")


def _lacking(names: pd.Index, among: pd.Index) -> int:
    """Return how many of the names are not among the others."""
    return int((among.unique().get_indexer(names) < 0).sum())


def _listed(problems: dict[str, int]) -> str:
    return ", ".join(f"{count} × {problem}" for problem, count in problems.items() if count)
