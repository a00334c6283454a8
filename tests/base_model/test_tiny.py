import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from taught_models import LESSON, share_of_colors, small_tiny

from vqatune.base_model.tiny import make_tiny
from vqatune.models.families.blip import make_tokenizer
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
RANKERS = ["clip", "siglip", "vilt"]


@pytest.mark.parametrize("kind", RANKERS)
def test_a_model_that_ranks_is_trained_in_all_its_parts_and_depends_on_no_order(kind, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    texts = [LESSON, *COLORS]
    tiny = small_tiny(hidden_size=16, steps=2)
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


def test_a_model_that_ranks_learns_what_it_is_taught(monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    # By chance it would be one in ten.
    assert share_of_colors("clip", small_tiny(hidden_size=64, steps=200)) > 0.2
