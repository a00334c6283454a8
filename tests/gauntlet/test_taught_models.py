"""Tiny models that learn slowly: too slowly for every commit."""

import numpy as np
import pytest
import torch
from taught_models import LESSON, share_of_colors, small_tiny

from vqatune.base_model.lessons import draw_examples
from vqatune.base_model.tiny import make_tiny, pack_examples
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.models.encoder import Encoder
from vqatune.params import TinyParams


@pytest.mark.parametrize("kind", ["siglip", "vilt"])
def test_a_model_that_ranks_learns_what_it_is_taught(kind, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    # By chance it would be one in ten.
    assert share_of_colors(kind, small_tiny(1e-3, hidden_size=96, steps=1200)) > 0.3


def test_a_base_model_learns_what_it_is_taught(monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    taught = draw_examples(list(range(5_000_000, 5_000_100)), seed=13, size=64, only_names=True)
    texts = [text for _, pairs in taught for pair in pairs for text in pair]
    model, processor = make_tiny("blip", texts, TinyParams(steps=500), 13, torch.device("cpu"))
    encoder, (pictures, pairs) = Encoder("blip", processor), zip(*taught, strict=True)
    ids, _ = greedy_answers(model, pack_examples(encoder, pictures, pairs), 4)
    asked = [pair for own in pairs for pair in own]
    right = [
        text == answer
        for text, (question, answer) in zip(encoder.decode(ids), asked, strict=True)
        if question == LESSON
    ]
    # By chance it would be one in ten.
    assert np.mean(right) > 0.5
    assert torch.isfinite(next(model.parameters())).all()
