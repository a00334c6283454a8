"""A version's answers to the pairs of the benchmark tasks: in its own words, or the most probable of a question's choices."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch

from vqatune.errors import ImageError
from vqatune.inference.prediction.decoding import answer_log_probabilities
from vqatune.inference.prediction.micro_batches import InferenceModel, run_inference
from vqatune.inference.prediction.ranking import candidate_log_probabilities
from vqatune.models.family import RankingFamily
from vqatune.models.family_lookup import ranking_family_of
from vqatune.models.packing import PackedBatch
from vqatune.models.prepare import autocast

SCORED = pa.schema({"row": pa.int64(), "log_probability": pa.float64()})
"""The log-probability of a (question, choice)."""


def with_choices(pairs: pd.DataFrame) -> pd.Series:
    """Return which pairs of tasks (tables.TASKS) have choices."""
    return pairs["choices"].notna()


def choose_answers(
    inference: InferenceModel, pairs: pd.DataFrame, folder: Path | None, description: str, more: bool = False
) -> pd.DataFrame:
    """Return the most probable choice of each pair, of equal ones the first.

    Args:
        inference: the model.
        pairs: qa_id, image_id, question and choices; an image's rows are adjacent.
        folder: of partial results, from which interrupted work resumes; None for none.
        description: of the progress bar.
        more: as for `run_inference`.

    Returns:
        qa_id, prediction and log_probability: that of the answer or, of a model that only ranks, its share among the
        choices. A pair whose image does not open, or none of whose choices the model can give, has an empty prediction and
        no log-probability.

    Raises as `run_inference` does.
    """
    given = pairs.assign(choice=[_possible(inference, list(choices)) for choices in pairs["choices"]])
    expanded = given[["qa_id", "image_id", "question", "choice"]].explode("choice").dropna(subset="choice")
    expanded = expanded.rename(columns={"choice": "prediction"}).reset_index(drop=True)
    if expanded.empty:
        return pairs[["qa_id"]].assign(prediction="", log_probability=float("nan"))
    if ranking := ranking_family_of(inference.model):
        questions = expanded.drop_duplicates("qa_id")[["qa_id", "image_id", "question"]].reset_index(
            drop=True
        )
        own = expanded.groupby("qa_id", sort=False)["prediction"].agg(list).tolist()
        ids = [inference.encoder.answers(choices) for choices in own]
        first = expanded.drop_duplicates("qa_id").index.to_list()
        infer = partial(_rank, ranking, inference, ids, first)
    else:
        questions = expanded
        infer = partial(_score, inference)
    scored = run_inference(inference, questions, infer, _nothing, SCORED, folder, description, more)
    values = pd.DataFrame(scored, columns=SCORED.names).set_index("row")["log_probability"].astype("float64")
    expanded["log_probability"] = values
    opened = expanded.dropna(subset="log_probability")
    best = opened.loc[opened.groupby("qa_id", sort=False)["log_probability"].idxmax()]
    best = best.set_index("qa_id")[["prediction", "log_probability"]]
    chosen = pairs[["qa_id"]].join(best, on="qa_id")
    return chosen.assign(prediction=chosen["prediction"].fillna("").astype("str"))


def _possible(inference: InferenceModel, choices: list[str]) -> list[str]:
    """Return the choices that the model can give: all, or those that are its labels."""
    unlabelled = set(inference.encoder.without_label(choices))
    return [choice for choice in choices if choice not in unlabelled]


@torch.inference_mode()
def _score(inference: InferenceModel, rows: list[int], batch: PackedBatch) -> Iterable[tuple[int, float]]:
    with autocast(inference.device, inference.params.compute.precision):
        found = answer_log_probabilities(inference.model, batch)
    return zip(rows, found.double().tolist(), strict=True)


@torch.inference_mode()
def _rank(
    family: RankingFamily,
    inference: InferenceModel,
    choices: Sequence[Sequence[Sequence[int]]],
    first: Sequence[int],
    rows: list[int],
    batch: PackedBatch,
) -> Iterable[tuple[int, float]]:
    """Score all choices of some questions; `first` is the row of each question's first choice."""
    own = [choices[row] for row in rows]
    with autocast(inference.device, inference.params.compute.precision):
        found = candidate_log_probabilities(family, inference.model, batch, own).double().tolist()
    return [
        (first[row] + place, value)
        for row, ids, values in zip(rows, own, found, strict=True)
        for place, value in enumerate(values[: len(ids)])
    ]


def _nothing(rows: list[int], error: ImageError) -> list[tuple]:
    # The open questions about the same images have said it.
    return []
