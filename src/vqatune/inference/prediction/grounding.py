"""Grounding: whether an answer depends on its image, or is as probable with another one.

For a sample of questions the model's own answer is scored with the true image and with other images of the test set
(foils). A model that ignores the image scores 0.5, one whose every answer depends on the image 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from torch import Tensor, nn

from vqatune.inference.prediction.decoding import answer_log_probabilities
from vqatune.inference.prediction.micro_batches import InferenceModel, run_inference
from vqatune.inference.prediction.ranking import Candidates, chosen_log_probabilities
from vqatune.models.family import RankingFamily
from vqatune.models.family_lookup import family_of, image_states_of, ranking_family_of
from vqatune.models.packing import PackedBatch
from vqatune.models.prepare import autocast, cast_to_float32
from vqatune.models.quantization import count_weights
from vqatune.models.text_vectors import TextVectors
from vqatune.tables.hash_ranks import hash_ranks

FOILS = 4
"""Other images that an answer is scored with."""

FLOAT32_UP_TO = 10**9
"""The number of weights that read and write text up to which grounding computes them in float32: 4 GB."""

TIE, LOW_TIE = 1e-4, 0.1
"""Log-probabilities that differ by less count as equal, as rounding depends on the rest of the batch; in float32, and in
bf16 or fp16. For one answer of a model of BLIP's size that ignores the image they differed by at most 2e-5 (at -88); with
the text encoder and decoder in bf16 by 0.08, which is more than the image's effect on many answers of a tuned version.
So these compute in float32 where their weights are not too many. On the showroom's v13 both ways came to the mean of
float32 within 0.005."""

SCORED = pa.schema({"item": pa.int64(), "log_probability": pa.float64()})
"""The log-probability of an item's answer."""


def choose_items(test: pd.DataFrame, seed: int, questions: int) -> pd.DataFrame:
    """Sample questions, and pair each with its own image and four foils.

    Questions are sampled by hash rank. The images of a product type form a cycle in the order of their hash ranks; a
    question's foils are the images after its own, then (where the type has too few) those after it in the cycle of all
    images. There are fewer than four only where the test set has no more.

    Args:
        test: qa_id, image_id, product_type, in any order.
        seed: of the hash ranks.
        questions: the largest number to sample.

    Returns:
        qa_id, image_id, true (bool: whether it is the question's own image), sorted by image_id and qa_id; empty for a
        test set of one image.
    """
    chosen = np.lexsort((test["qa_id"], hash_ranks(seed, "grounding question", test["qa_id"])))[:questions]
    images = sorted(set(test["image_id"]))
    order = np.argsort(hash_ranks(seed, "grounding image", images), kind="stable")
    whole = _Cycle([images[index] for index in order])
    types = {
        name: _Cycle(sorted(set(own), key=whole.indices.__getitem__))
        for name, own in test.groupby("product_type")["image_id"]
    }
    rows = []
    for qa_id, image, name in (
        test[["qa_id", "image_id", "product_type"]].iloc[chosen].itertuples(index=False)
    ):
        foils = list(islice(types[name].after(image), FOILS))
        others = (other for other in whole.after(image) if other not in foils)
        foils += list(islice(others, FOILS - len(foils)))
        if foils:
            rows += [(qa_id, image, True), *((qa_id, foil, False) for foil in foils)]
    items = pd.DataFrame(rows, columns=["qa_id", "image_id", "true"])
    return items.sort_values(["image_id", "qa_id"], ignore_index=True)


class _Cycle:
    """A cyclic order of images."""

    def __init__(self, images: list[str]) -> None:
        self.images, self.indices = images, {image: index for index, image in enumerate(images)}

    def after(self, image: str) -> Iterator[str]:
        """Yield the images after this one, all around the cycle."""
        count, index = len(self.images), self.indices[image]
        yield from (self.images[(index + step) % count] for step in range(1, count))


def measure_grounding(
    inference: InferenceModel,
    items: pd.DataFrame,
    pairs: pd.DataFrame,
    predictions: pd.DataFrame,
    candidates: Candidates,
    folder: Path | None,
    description: str,
    kept: TextVectors,
) -> pd.Series:
    """Return the grounding of the questions in `items`, by qa_id: float64 in 0–1, null where it cannot be measured.

    Args:
        inference: the model whose answers they are. The parts that read and write text are cast to float32, permanently,
            where they have at most FLOAT32_UP_TO weights; the vision tower keeps its precision.
        items: of `choose_items`.
        pairs: qa_id, question.
        predictions: qa_id, prediction.
        candidates: what the answers were chosen from; of a model that only ranks, whose log-probabilities are over them.
        folder: of partial results, for exactly these answers, from which interrupted work resumes; None for none.
        description: of the progress bar.
        kept: vectors of texts that the model in float32 gave before; of a model that only ranks.

    Raises as `run_inference` does.
    """
    if items.empty:
        return pd.Series(dtype="float64")
    questions = items.assign(
        question=items["qa_id"].map(dict(zip(pairs["qa_id"], pairs["question"], strict=True)))
    )
    answers = items["qa_id"].map(dict(zip(predictions["qa_id"], predictions["prediction"], strict=True)))
    if ranking := ranking_family_of(inference.model):
        place = {text: index for index, text in enumerate(candidates.values())}
        # Where the question's own image does not open there is no answer, and no grounding, whatever is scored.
        chosen = [place.get(text, 0) for text in answers]
        score = partial(_score_chosen, ranking, inference.model, list(candidates), chosen, kept)
    else:
        questions["prediction"] = answers
        score = partial(_score_written, inference.model)
    parts = [inference.model.get_submodule(part) for part in family_of(inference.model).PARTS.text]
    # Together, as the parts may share weights: embeddings are often those of the output head.
    large = count_weights(nn.ModuleList(parts)) > FLOAT32_UP_TO
    low = large and inference.params.compute.precision != "float32"
    for part in parts if not low else []:
        cast_to_float32(part)
    scored = run_inference(
        inference,
        questions,
        partial(_score, inference, low, score),
        lambda rows, error: [],
        SCORED,
        folder,
        description,
    )
    scored = pd.DataFrame(scored, columns=SCORED.names).set_index("item")["log_probability"]
    scored_items = items.assign(log_probability=scored.astype("float64"))
    return grounding_shares(scored_items, LOW_TIE if low else TIE)


def _score(
    inference: InferenceModel,
    low: bool,
    log_probabilities: Callable[[list[int], PackedBatch], Tensor],
    rows: list[int],
    batch: PackedBatch,
) -> Iterator[tuple[int, float]]:
    states = image_states_of(inference.model, batch)
    batch = replace(batch, image_states=states if low else states.float())
    with autocast(inference.device, inference.params.compute.precision if low else "float32"):
        found = log_probabilities(rows, batch)
    return zip(rows, found.double().tolist(), strict=True)


def _score_written(model: nn.Module, rows: list[int], batch: PackedBatch) -> Tensor:
    return answer_log_probabilities(model, batch)


def _score_chosen(
    family: RankingFamily,
    model: nn.Module,
    candidates: list[tuple[int, ...]],
    chosen: list[int],
    kept: TextVectors,
    rows: list[int],
    batch: PackedBatch,
) -> Tensor:
    return chosen_log_probabilities(family, model, batch, candidates, [chosen[row] for row in rows], kept)


def grounding_shares(scored: pd.DataFrame, tie: float = TIE) -> pd.Series:
    """Return the share of each question's foils with which its answer is less probable; ties count half.

    Args:
        scored: qa_id, true, log_probability (null where the image does not open: such a foil is left out).
        tie: the largest difference of two log-probabilities that count as equal.

    Returns:
        float64 by qa_id; null where the true image, or every foil, does not open.
    """
    own = scored[scored["true"]].set_index("qa_id")["log_probability"]
    foils = scored[~scored["true"]]
    margin = foils["qa_id"].map(own) - foils["log_probability"]
    mark = (margin > 0).astype("float64").mask(margin.abs() < tie, 0.5).mask(margin.isna())
    return mark.groupby(foils["qa_id"]).mean()
