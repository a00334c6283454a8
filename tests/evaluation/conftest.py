"""A test set of a few pairs, and the predictions that go with it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from vqatune import tables
from vqatune.evaluation.scoring.evaluation_set import EvaluationSet

Version = tuple[pd.DataFrame, EvaluationSet]


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Version]:
    """A function of rows (answer, prediction, and optionally difficulty, question type, product type, image).

    `training` are the answers of the training pairs, `tiers` says of product types which tier they are in.
    """

    def make(*rows: tuple, training: Sequence[str] = (), tiers: Mapping[str, int] | None = None) -> Version:
        pairs, predictions = [], []
        for number, (answer, prediction, *rest) in enumerate(rows):
            difficulty, kind, product, image = (*rest, *(None, "color", "CHAIR", None)[len(rest) :])
            qa_id, image_id = f"qa-{number:03}", image or f"image-{number:03}"
            pairs.append(
                {
                    "qa_id": qa_id,
                    "image_id": image_id,
                    "item_id": f"item-{image_id}",
                    "product_type": product,
                    "question": "What is it?",
                    "answer": answer,
                    "difficulty": difficulty,
                    "question_type": kind,
                    "attribute": kind,
                    "language": "en_US",
                    "task": "general",
                    "generator": "template",
                }
            )
            predictions.append({"qa_id": qa_id, "prediction": prediction, "log_probability": -1.0})
        test = pd.DataFrame(pairs, columns=tables.PAIRS.names).astype({"difficulty": "Int8"})
        answered = pd.DataFrame(predictions, columns=tables.PREDICTIONS.names).astype({"grounding": float})
        sampled = pd.DataFrame((tiers or {}).items(), columns=["product_type", "tier"])
        train = pd.DataFrame({"question": "What is it?", "answer": list(training), "question_type": "color"})
        return answered, EvaluationSet(test, train, sampled)

    return make


@pytest.fixture(scope="session")
def text_params(make_params):
    """Parameters under which no model is loaded, and few resamples are drawn."""
    return make_params({"eval.bertscore.model": None, "eval.sbert.model": None, "eval.resamples": 20})


@pytest.fixture(scope="session")
def bart(tmp_path_factory) -> Path:
    """A folder with a tiny BART and its tokenizer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import golden_models
    folder = tmp_path_factory.mktemp("bart")
    golden_models.make_tiny_bart(folder)
    return folder
