"""A small catalogue, from which tasks are made."""

import json
from collections.abc import Callable

import pandas as pd
import pytest

from vqatune.params import TasksParams
from vqatune.tasks.inputs import TaskInputs

ENGLISH, GERMAN = "en_US", "de_DE"


def said(field: str, **texts: str) -> dict[str, list[dict[str, str]]]:
    """Return a field of a listing in several languages: said("color", en_US="Red", de_DE="Rot")."""
    return {field: [{"language_tag": tag, "value": text} for tag, text in texts.items()]}


RECORDS = {
    "mug": {
        **said("brand", en_US="Tidemark", de_DE="Tidemark"),
        **said("color", en_US="Red", de_DE="Rot"),
        **said("material", en_US="Ceramic", de_DE="Metall"),
        **said("pattern", en_US="Striped"),
        "item_weight": [{"unit": "pounds", "value": 2.5}],
        "model_number": [{"value": "A model number of so many words that nobody asks for it"}],
    },
    "hat": {**said("brand", en_US="Pine Street"), **said("color", en_US="Blue")},
    "coin": {
        **said("material", en_US="gilded bronze", de_DE="vergoldete Bronze"),
        **said("creator", en_US="Ada Moss"),
    },
}
VIEWS = {"mug": ["m1", "m2", "m3"], "hat": ["h1"], "coin": ["c1", "c2"], "trained": ["t1", "t2"]}
TEST = [
    ("m1", "mug", "What color is the mug?", "red", "color"),
    ("m1", "mug", "Where is the handle?", "left", "position"),
    ("m1", "mug", "How many stars are there?", "three", "count"),
    ("m2", "mug", "What is it made of?", "ceramic", "material"),
    ("m2", "mug", "what color is the  mug?", "Red", "color"),
    ("h1", "hat", "Is it blue?", "yes", "color"),
    ("h1", "hat", "What color is the hat?", "blue", "color"),
    ("c1", "coin", "What object is it?", "coin", "object"),
    ("c2", "coin", "What object is it?", "medal", "object"),
]
TRAINING = [
    ("t1", "What color is the mug?", answer, "color")
    for answer in ["green", "green", "green", "red", "white", "white", "grey", "crimson", "yes", "3"]
] + [("t1", "What color is the hat?", "black", "color"), ("t1", "How many stars are there?", "two", "count")]


@pytest.fixture
def inputs() -> Callable[..., TaskInputs]:
    """Make what tasks are made from; `change` replaces tables or the parameters."""

    def make(**change) -> TaskInputs:
        test = pd.DataFrame(TEST, columns=["image_id", "item_id", "question", "answer", "question_type"])
        test = test.assign(
            qa_id=[f"q{number}" for number in range(len(test))],
            product_type=test["item_id"].str.upper(),
            difficulty=pd.array([1] * len(test), dtype="Int8"),
            attribute=test["question_type"],
            language=ENGLISH,
            task="general",
            generator="template",
        )
        tables = {
            "test": test,
            "training": pd.DataFrame(TRAINING, columns=["image_id", "question", "answer", "question_type"]),
            "validation": pd.DataFrame({"image_id": ["v1"]}),
            "filtered": pd.DataFrame(
                [(image, item) for item, images in VIEWS.items() for image in images],
                columns=["image_id", "item_id"],
            ),
            "listings": pd.DataFrame(
                {"item_id": list(RECORDS), "metadata": [json.dumps(record) for record in RECORDS.values()]}
            ),
            "params": TasksParams(),
            "seed": 13,
        }
        return TaskInputs(**tables | change)

    return make
