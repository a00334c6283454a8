import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqatune.base_model.tiny import draw_examples, pack_examples
from vqatune.catalogue.sources.abo import extract
from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain
from vqatune.generation.sources.visible import noun_of
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.loading.loader import ImageReader
from vqatune.models.encoder import load_encoder
from vqatune.models.families.blip import load_model, make_tokenizer
from vqatune.showroom.catalogue import draw_catalogue
from vqatune.showroom.products import KINDS

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


@pytest.mark.slow
def test_no_lesson_is_a_picture_of_the_catalogue(tmp_path: Path, tiny_base):
    draw_catalogue(listings=100, seed=13, folder=tmp_path)
    images = extract(tmp_path, 0).images
    images = images[images["length"] > 1000]
    encoder, reader = load_encoder(tiny_base), ImageReader(images)
    lessons = draw_examples(list(range(300)), seed=13, size=32)

    def pixels(pictures: list) -> torch.Tensor:
        return encoder.images(pictures).tensors["pixel_values"].flatten(1)

    taught = pixels([picture for picture, _ in lessons])
    seen = 0
    for image_id in images["image_id"].head(150):
        with suppress(DataError):  # a damaged picture, of which the catalogue has some
            picture = reader.read(image_id)
            seen += 1
        distance = (taught - pixels([picture])).abs().mean(1)
        assert distance.min() > 0.01, image_id
    assert seen > 100


def test_lessons_do_not_say_what_products_are_called():
    names = {noun_of(kind) for kind in KINDS} - {None}
    for _, pairs in draw_examples(list(range(200)), seed=1, size=16):
        for question, answer in pairs:
            assert not names & {*plain(question).split(), *plain(answer).split()}


@pytest.mark.slow
def test_a_base_model_learns_what_it_is_taught(make_params, tmp_path):
    from vqatune.base_model.base import make_base

    params = make_params(
        {
            "model.tiny.image_size": 32,
            "model.tiny.hidden_size": 48,
            "model.tiny.layers": 1,
            "model.tiny.steps": 150,
            "model.tiny.images_per_step": 8,
            "compute.device": "cpu",
            "compute.threads": 1,
        }
    )
    taught = draw_examples(list(range(5_000_000, 5_000_100)), seed=13, size=32)
    make_base(params, [text for _, pairs in taught for pair in pairs for text in pair], tmp_path / "base")
    encoder, model = load_encoder(tmp_path / "base"), load_model(tmp_path / "base").eval()
    pictures, pairs = zip(*taught, strict=True)
    ids, _ = greedy_answers(model, pack_examples(encoder, pictures, pairs), 4)
    asked = [pair for chosen in pairs for pair in chosen]
    right = [
        text == answer
        for text, (question, answer) in zip(encoder.decode(ids), asked, strict=True)
        if question == "name the color"
    ]
    # By chance it would be one in ten.
    assert np.mean(right) > 0.5
    assert torch.isfinite(next(model.parameters())).all()
