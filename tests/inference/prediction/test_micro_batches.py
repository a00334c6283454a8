"""Inference that a signal ends, and that resumes."""

import os
import shutil
import signal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from PIL import Image

from vqatune.errors import Stopped
from vqatune.inference.prediction.micro_batches import InferenceModel, run_inference
from vqatune.loading.reader import ImageReader
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder

COUNTED = pa.schema({"row": pa.int64()})


@pytest.fixture
def archive(places, tmp_path) -> Path:
    """A copy of the pictures' archive."""
    return Path(shutil.copy(places["archive"].iloc[0], tmp_path / "pictures.tar"))


@pytest.fixture
def disturbed(tiny_base, tiny_with, places, pairs, tmp_path, archive):
    """Run inference in four micro-batches, with a signal during one; returns the rows and the number of calls."""
    params = tiny_with({"predict.images_per_step": 3})
    encoder = load_encoder(tiny_base)
    reader = ImageReader(places.assign(archive=str(archive)))
    inference = InferenceModel(load_model(tiny_base).eval(), encoder, reader, params, torch.device("cpu"))

    def run(during: int | None, more: bool) -> tuple[list[int], int]:
        calls = 0

        def infer(rows, batch):
            nonlocal calls
            calls += 1
            assert len(batch.image_states) == 3
            if calls == during:
                os.kill(os.getpid(), signal.SIGTERM)
            return [(row,) for row in rows]

        found = run_inference(
            inference, pairs, infer, lambda rows, error: [], COUNTED, tmp_path / "key", "count", more
        )
        return sorted(row for (row,) in found), calls

    return run


def test_after_a_signal_the_micro_batch_is_finished_and_the_others_are_left_for_the_next_time(
    disturbed, pairs
):
    with pytest.raises(Stopped, match=r"stopped after 2 of 4 micro-batches \(count\)") as stopped:
        disturbed(during=2, more=False)
    assert stopped.value.status == 128 + signal.SIGTERM
    assert disturbed(during=None, more=False) == (list(range(len(pairs))), 2)


def test_a_signal_in_the_last_micro_batch_ends_the_work_only_where_more_is_to_come(disturbed, pairs):
    everything = list(range(len(pairs)))
    with pytest.raises(Stopped, match="stopped after 4 of 4 micro-batches"):
        disturbed(during=4, more=True)
    assert disturbed(during=None, more=True) == (everything, 0)


def test_what_is_complete_is_not_thrown_away_for_a_signal(disturbed, pairs):
    assert disturbed(during=4, more=False) == (list(range(len(pairs))), 4)


def test_answers_to_a_picture_that_has_changed_are_given_again(disturbed, pairs, places, archive, capfd):
    with pytest.raises(Stopped):
        disturbed(during=3, more=False)
    red = BytesIO()
    Image.new("RGB", (8, 8), "red").save(red, "JPEG")
    # The longest are asked first.
    place = places.set_index("image_id").loc[pairs["image_id"][pairs["image_id"].duplicated()].iloc[-1]]
    with archive.open("r+b") as file:
        file.seek(place["offset"])
        file.write(red.getvalue().ljust(place["length"], b"\0"))
    assert disturbed(during=None, more=False) == (list(range(len(pairs))), 4)
    assert "is of other pictures; what comes after it is done again" in capfd.readouterr().err
