"""Shared by the tests of publishing: a small repository with a base, two versions, and their data."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from vqatune.tables import BATCH, PAIRS, SAMPLED, write_json, write_table

SCORES = {"exact_match": 0.5931969026548672, "bleu": None, "grounding": 0.7, "pairs": 24, "images": 12}
INTERVALS = "metric,value,low,high,pairs,absent\nexact_match,0.5931,0.58123,0.60456,24,\n"
BY = """\
slice,value,pairs,images,exact_match
question_type,count,30,9,0.25
question_type,color,40,9,0.75
question_type,shape,5,3,0.0
difficulty,3,30,9,0.5
"""


@pytest.fixture(scope="session")
def made(tiny_params, tiny_base, pairs, places, repository, tmp_path_factory) -> Path:
    """A repository whose images 00 to 07 are trained on, 08 is for validation, and 09 to 11 are tested."""
    from vqatune.training.loop import train_version

    root = tmp_path_factory.mktemp("published")
    params = tiny_params.model_copy(
        update={"train": tiny_params.train.model_copy(update={"learning_rate": 0.01, "seed": 3})}
    )
    models = root / "models"
    shutil.copytree(tiny_base, models / "base")
    train_version(params, "v1", models / "base", None, pairs, places, models / "v1")
    train_version(params, "v2", models / "base", models / "v1", pairs.head(9), places, models / "v2")
    shutil.copy(repository / "params.yaml", root)

    archive = Path(places["archive"].iloc[0])
    (root / "data" / "raw").mkdir(parents=True)
    shutil.copyfile(archive, root / "data" / "raw" / "pictures.tar")
    trained = pairs["image_id"] < "image08"
    for split, some in _split(pairs).items():
        write_table(some, root / "data" / f"{split}.parquet", PAIRS)
    for number in (1, 2):
        write_table(pairs[trained], root / "data" / "batches" / f"{number:02}.parquet", BATCH)
    described = pairs.drop_duplicates("image_id")[["image_id", "item_id", "product_type", "language"]]
    sampled = described.merge(places, on="image_id").assign(
        archive="data/raw/pictures.tar",
        path=lambda rows: "3a/" + rows["image_id"] + ".jpg",
        metadata=json.dumps({"item_name": ["Ärmel | <b>"]}, ensure_ascii=False),
        tier=0,
        repeats=1,
    )
    write_table(sampled, root / "data" / "sampled.parquet", SAMPLED)

    for version in ("base", "v1", "v2"):
        write_json(SCORES, root / "metrics" / f"{version}.json")
    guessed = {name: value for name, value in SCORES.items() if name != "grounding"} | {"exact_match": 0.25}
    write_json(guessed, root / "metrics" / "blind.json")
    for kind, text in (("intervals", INTERVALS), ("by", BY)):
        (root / "metrics" / kind).mkdir()
        (root / "metrics" / kind / "v2.csv").write_text(text)
    return root


@pytest.fixture
def root(made, tmp_path) -> Path:
    """A repository of this test's own: the folder that `vqatune` runs in."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def content(places):
    """Return the bytes of an image, as they are in the archive."""
    from vqatune.loading.reader import ImageReader

    return ImageReader(places).content


@pytest.fixture
def tables(pairs) -> dict[str, pd.DataFrame]:
    """The pairs of each split."""
    return _split(pairs)


def _split(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    names = pairs["image_id"]
    return {
        "train": pairs[names < "image08"],
        "validation": pairs[names == "image08"],
        "test": pairs[names > "image08"],
    }
