"""A test set of a few pairs, and the predictions that go with it."""

from collections.abc import Callable

import pandas as pd
import pytest

from vqatune import tables

Version = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="session")
def make_version() -> Callable[..., Version]:
    """A function of rows (answer, prediction, and optionally difficulty, question type, product type, image)."""

    def make(*rows: tuple) -> Version:
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
                    "language": "en_US",
                    "task": "general",
                    "generator": "template",
                }
            )
            predictions.append({"qa_id": qa_id, "prediction": prediction, "log_probability": -1.0})
        test = pd.DataFrame(pairs, columns=tables.PAIRS.names)
        test["difficulty"] = test["difficulty"].astype("Int8")
        return pd.DataFrame(predictions, columns=tables.PREDICTIONS.names), test

    return make
