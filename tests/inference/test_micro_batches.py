"""Work of several passes that a signal ends."""

import os
import signal

import pyarrow as pa
import pytest
import torch

from vqatune.errors import Stopped
from vqatune.inference.micro_batches import Viewer, go_through
from vqatune.loading.loader import Encoder, ImageReader
from vqatune.models.families.blip import load_model, load_processor

COUNTED = pa.schema({"row": pa.int64()})


@pytest.fixture
def disturbed(tiny_base, tiny_with, places, pairs, tmp_path):
    """Go through the pairs in four passes, with a signal in one of them; returns the rows and how often it was asked."""
    params = tiny_with({"predict.images_per_step": 3})
    encoder = Encoder(load_processor(tiny_base))
    viewer = Viewer(load_model(tiny_base).eval(), encoder, ImageReader(places), params, torch.device("cpu"))

    def run(during: int | None, more: bool) -> tuple[list[int], int]:
        asked = 0

        def take(rows, batch):
            nonlocal asked
            asked += 1
            assert len(batch.image_states) == 3
            if asked == during:
                os.kill(os.getpid(), signal.SIGTERM)
            return [(row,) for row in rows]

        found = go_through(viewer, pairs, take, lambda rows, error: [], COUNTED, tmp_path, "count", more)
        return sorted(row for (row,) in found), asked

    return run


def test_after_a_signal_the_pass_is_finished_and_the_others_are_left_for_the_next_time(disturbed, pairs):
    with pytest.raises(Stopped, match=r"stopped after 2 of 4 passes \(count\)") as stopped:
        disturbed(during=2, more=False)
    assert stopped.value.status == 128 + signal.SIGTERM
    assert disturbed(during=None, more=False) == (list(range(len(pairs))), 2)


def test_a_signal_in_the_last_pass_ends_the_work_only_where_more_is_to_come(disturbed, pairs):
    everything = list(range(len(pairs)))
    with pytest.raises(Stopped, match="stopped after 4 of 4 passes"):
        disturbed(during=4, more=True)
    assert disturbed(during=None, more=True) == (everything, 0)


def test_what_is_complete_is_not_thrown_away_for_a_signal(disturbed, pairs):
    assert disturbed(during=4, more=False) == (list(range(len(pairs))), 4)
