import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vqatune.base_model.lessons import draw_examples
from vqatune.base_model.tiny import make_tiny
from vqatune.models.encoder import Encoder
from vqatune.models.families.blip import make_tokenizer
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import pack_batch
from vqatune.params import TinyParams
from vqatune.showroom.products import COLORS

WORDS = st.lists(st.text(alphabet="abcdefg hij", max_size=12), max_size=30)


@given(WORDS, st.randoms())
def test_a_tokenizer_does_not_depend_on_the_order_of_the_texts(texts, source: random.Random):
    shuffled = source.sample(texts, len(texts))
    assert make_tokenizer(texts, 200).get_vocab() == make_tokenizer(shuffled, 200).get_vocab()


def test_the_most_frequent_words_are_tokens_and_the_rest_are_spelled():
    tokenizer = make_tokenizer(["red mug", "red lamp", "red mug"], 111)
    assert len(tokenizer) == 111 + 2
    assert tokenizer.tokenize("Red mug lamp") == ["red", "mug", "l", "##a", "##m", "##p"]
    assert tokenizer.unk_token_id not in tokenizer("any other, 3.5%?").input_ids


CPU = torch.device("cpu")
LESSON = "name the color"
RANKERS = ["clip", "siglip", "vilt"]


def _tiny(learning_rate: float = 2e-3, **values) -> TinyParams:
    shape = {"image_size": 16, "patch_size": 8, "layers": 1, "heads": 4, "vocabulary": 600}
    return TinyParams(images_per_step=8, learning_rate=learning_rate, **shape, **values)


@pytest.mark.parametrize("kind", RANKERS)
def test_a_model_that_ranks_is_trained_in_all_its_parts_and_depends_on_no_order(kind, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    texts = [LESSON, *COLORS]
    tiny = _tiny(hidden_size=16, steps=2)
    one, processor = make_tiny(kind, texts, tiny, 13, CPU)
    torch.rand(1)
    again, other = make_tiny(kind, texts[::-1], tiny, 13, CPU)
    monkeypatch.setattr("vqatune.base_model.tiny.train_tiny", lambda *arguments: None)
    before = make_tiny(kind, texts, tiny, 13, CPU)[0].state_dict()
    assert processor.tokenizer.get_vocab() == other.tokenizer.get_vocab() and not one.training
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
        # A bias of keys moves all scores of a query alike.
        same = torch.equal(weight, before[name])
        assert not same or name.endswith(("position_ids", "token_type_ids", "key.bias", "k_proj.bias")), name


@pytest.mark.parametrize(
    ("kind", "tiny", "least"),
    [
        ("clip", _tiny(hidden_size=64, steps=120), 0.2),
        pytest.param("siglip", _tiny(1e-3, hidden_size=96, steps=300), 0.2, marks=pytest.mark.slow),
        pytest.param("vilt", _tiny(1e-3, hidden_size=64, steps=400), 0.15, marks=pytest.mark.slow),
    ],
)
def test_a_model_that_ranks_learns_what_it_is_taught(kind, tiny, least, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    model, processor = make_tiny(kind, [LESSON, *COLORS], tiny, 13, CPU)
    encoder = Encoder(kind, processor)
    drawn = draw_examples(list(range(5_000_000, 5_000_100)), 13, 16, only_names=True)
    pictures, pairs = zip(*drawn, strict=True)
    images = encoder.images([Image.fromarray(own) for own in pictures])
    batch = pack_batch(images, [1] * len(pictures), encoder.questions([LESSON] * len(pictures)))
    batch = replace(batch, image_states=image_states_of(model, batch))
    colors = list(COLORS)
    scores = encoder.family.rank(model, batch, [encoder.answers(colors)] * len(pictures))
    right = [colors[best] == dict(own)[LESSON] for best, own in zip(scores.argmax(1), pairs, strict=True)]
    # By chance it would be one in ten.
    assert np.mean(right) > least
