"""Whether an answer comes from its image or from habit: is it less probable under other images?

For each of some questions the model's own answer is scored under the true image and under others of the test set
(foils). A model that ignores the image comes to 0.5, one whose every answer hangs on what it sees to 1.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from torch import nn

from vqatune.inference.decoding import answer_log_probabilities
from vqatune.inference.micro_batches import Viewer, go_through
from vqatune.models.packing import Batch
from vqatune.tables.hash_ranks import hash_ranks

FOILS = 4
"""Images that an answer is held against."""

TIE = 1e-4
"""Log-probabilities that differ by less are equal, for their last digits depend on what else is in the batch. Those of
one answer, from a model of BLIP's size that is blind to the image, were seen to differ by 2e-5 at most (at -88); with
the text towers in bf16 by 0.08, which is more than many answers of a tuned version owe to their image. So the text
towers compute in float32 in any case, and one tolerance serves every precision."""

SCORED = pa.schema({"item": pa.int64(), "log_probability": pa.float64()})
"""The log-probability of the answer of an item."""


def choose_items(test: pd.DataFrame, seed: int, questions: int) -> pd.DataFrame:
    """Return which questions are put to which images: their own and, of each, four others.

    Questions are chosen by rank. The images of a product type lie on a circle in the order of their ranks, and a
    question's foils are those that follow its own image, then (where the type has too few) those that follow it on
    the circle of all images; fewer than four only where the test set has no more.

    Args:
        test: qa_id, image_id, product_type, in any order.
        seed: of the ranks.
        questions: the most that are chosen.

    Returns:
        qa_id, image_id, true (bool: whether it is the question's own image), sorted by image_id and qa_id. Questions
        of a test set of one image are in no row.
    """
    chosen = np.lexsort((test["qa_id"], hash_ranks(seed, "grounding question", test["qa_id"])))[:questions]
    images = sorted(set(test["image_id"]))
    order = np.argsort(hash_ranks(seed, "grounding image", images), kind="stable")
    whole = _Circle([images[place] for place in order])
    types = {
        name: _Circle(sorted(set(own), key=whole.places.get))
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


class _Circle:
    """Images in an order of which the last is followed by the first."""

    def __init__(self, images: list[str]) -> None:
        self.images, self.places = images, {image: place for place, image in enumerate(images)}

    def after(self, image: str) -> Iterator[str]:
        """Yield the images that follow, up to the image itself."""
        count, place = len(self.images), self.places[image]
        yield from (self.images[(place + step) % count] for step in range(1, count))


def measure_grounding(
    viewer: Viewer,
    items: pd.DataFrame,
    pairs: pd.DataFrame,
    predictions: pd.DataFrame,
    folder: Path | None,
    description: str,
) -> pd.Series:
    """Return the grounding of the questions in `items`, by qa_id: float64 in 0–1, null where it cannot be measured.

    Args:
        viewer: whose answers they are. Its text towers are brought to float32, for good; the vision tower computes in
            the precision of the answers.
        items: of `choose_items`.
        pairs: qa_id, question.
        predictions: qa_id, prediction.
        folder: where log-probabilities are kept as they come, and taken up, for just these answers; None for nowhere.
        description: shown while it works.

    Raises as `go_through`.
    """
    if items.empty:
        return pd.Series(dtype="float64")
    asked = items.assign(
        question=items["qa_id"].map(dict(zip(pairs["qa_id"], pairs["question"], strict=True))),
        prediction=items["qa_id"].map(
            dict(zip(predictions["qa_id"], predictions["prediction"], strict=True))
        ),
    )
    viewer.model.text_encoder.float()
    viewer.model.text_decoder.float()
    scored = go_through(
        viewer, asked, partial(_score, viewer.model), lambda rows, error: [], SCORED, folder, description
    )
    scored = pd.DataFrame(scored, columns=SCORED.names).set_index("item")["log_probability"]
    return grounding_shares(items.assign(log_probability=scored.astype("float64")))


def _score(model: nn.Module, rows: list[int], batch: Batch) -> Iterator[tuple[int, float]]:
    batch = replace(batch, image_states=batch.image_states.float())
    return zip(rows, answer_log_probabilities(model, batch).double().tolist(), strict=True)


def grounding_shares(scored: pd.DataFrame) -> pd.Series:
    """Return the share of each question's foils under which its answer is less probable, a tie counting half.

    Args:
        scored: qa_id, true, log_probability (null where the picture does not open: such a foil is left out).

    Returns:
        float64 by qa_id; null where no foil can be held against the true image.
    """
    own = scored[scored["true"]].set_index("qa_id")["log_probability"]
    foils = scored[~scored["true"]]
    margin = foils["qa_id"].map(own) - foils["log_probability"]
    mark = (margin > 0).astype("float64").mask(margin.abs() < TIE, 0.5).mask(margin.isna())
    return mark.groupby(foils["qa_id"]).mean()
