"""Shared by all tests: the repository, its parameters, a tiny base model, and pictures with questions."""

import copy
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TINY = {
    "model.tiny.image_size": 32,
    "model.tiny.hidden_size": 32,
    "model.tiny.layers": 2,
    "model.tiny.steps": 2,
    "model.tiny.images_per_step": 4,
    "compute.device": "cpu",
    "compute.threads": 1,
}
"""Parameters under which a base model is made in a second."""

QUESTIONS = [("what color is it?", "red"), ("how many stars are there?", "3"), ("is it striped?", "yes")]


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def parameter_values() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture(scope="session")
def make_params(parameter_values):
    """Parameters as in params.yaml but for what is given: make_params({"lora.r": 4})."""
    from vqatune.params import check_params

    def make(changes: dict | None = None):
        values = copy.deepcopy(parameter_values)
        for name, value in (changes or {}).items():
            *sections, key = name.split(".")
            place = values
            for section in sections:
                place = place[section]
            place[key] = value
        return check_params(values, "params.yaml")

    return make


@pytest.fixture(scope="session")
def tiny_params(make_params):
    return make_params(TINY)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory, tiny_params) -> Path:
    """The folder of a base model made with TINY; not to be written to."""
    from vqatune.models.base import make_base

    folder = tmp_path_factory.mktemp("models") / "base"
    make_base(tiny_params, [text for pair in QUESTIONS for text in pair], folder)
    return folder


@pytest.fixture(scope="session")
def places(tmp_path_factory) -> pd.DataFrame:
    """Twelve pictures in an archive: image_id, archive, offset, length."""
    from vqatune.showroom.drawing import draw, random_view
    from vqatune.showroom.products import random_product

    archive = tmp_path_factory.mktemp("raw") / "pictures.tar"
    rows = []
    with archive.open("wb") as file:
        for number in range(12):
            picture = BytesIO()
            draw(random_product(5, number), random_view(5, number), 48).save(picture, "JPEG")
            rows.append((f"image{number:02d}", str(archive), file.tell(), file.write(picture.getvalue())))
    return pd.DataFrame(rows, columns=["image_id", "archive", "offset", "length"])


@pytest.fixture(scope="session")
def pairs(places) -> pd.DataFrame:
    """One to three pairs an image, with the columns of a training batch."""
    rows = [
        {
            "qa_id": f"{image_id}-{place}",
            "image_id": image_id,
            "item_id": f"item-{image_id}",
            "product_type": "MUG" if number % 2 else "HAT",
            "question": question,
            "answer": answer,
            "difficulty": place,
            "question_type": "other",
            "language": "en_US",
            "task": "general",
            "generator": "template",
            "copy": 0,
        }
        for number, image_id in enumerate(places["image_id"])
        for place, (question, answer) in enumerate(QUESTIONS[: number % 3 + 1])
    ]
    return pd.DataFrame(rows).astype({"difficulty": "Int8", "copy": "int32"})
