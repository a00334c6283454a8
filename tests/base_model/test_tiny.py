import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from whole_tables import extract

from vqatune.base_model.tiny import answer_labels, draw_examples, make_tiny, pack_examples
from vqatune.errors import DataError
from vqatune.evaluation.metrics.text import plain
from vqatune.generation.sources.visible import noun_of
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.loading.reader import ImageReader
from vqatune.models.encoder import Encoder, load_encoder
from vqatune.models.families.blip import load_model, make_tokenizer
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import pack_batch
from vqatune.params import TinyParams
from vqatune.showroom.catalogue import draw_catalogue
from vqatune.showroom.museum.catalogue import plan_museum
from vqatune.showroom.museum.objects import random_object
from vqatune.showroom.products import COLORS, KINDS

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
    draw_catalogue(listings=50, seed=13, folder=tmp_path)
    images = extract(tmp_path, 0).images
    images = images[images["length"] > 1000]
    encoder, reader = load_encoder(tiny_base), ImageReader(images)
    lessons = draw_examples(list(range(200)), seed=13, size=32)

    def pixels(pictures: list) -> torch.Tensor:
        return encoder.images(pictures).tensors["pixel_values"].flatten(1)

    taught = pixels([picture for picture, _ in lessons])
    seen = 0
    for image_id in images["image_id"].head(75):
        with suppress(DataError):  # a damaged picture, of which the catalogue has some
            picture = reader.read(image_id)
            seen += 1
        distance = (taught - pixels([picture])).abs().mean(1)
        assert distance.min() > 0.01, image_id
    assert seen > 50


def test_lessons_do_not_say_what_products_are_called():
    names = {noun_of(kind) for kind in KINDS} - {None}
    for _, pairs in draw_examples(list(range(200)), seed=1, size=16):
        for question, answer in pairs:
            assert not names & {*plain(question).split(), *plain(answer).split()}


@pytest.mark.slow
def test_a_base_model_learns_what_it_is_taught(make_params, tmp_path, monkeypatch):
    from vqatune.base_model.base import make_base

    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    params = make_params(
        {
            "model.tiny.image_size": 32,
            "model.tiny.hidden_size": 48,
            "model.tiny.layers": 1,
            "model.tiny.steps": 200,
            "model.tiny.images_per_step": 4,
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


def test_the_labels_are_all_answers_of_drawn_examples_with_yes_no_and_numbers():
    drawn = {answer for _, own in draw_examples(list(range(600)), 1, 8) for _, answer in own}
    labels = answer_labels()
    assert len(labels) == len(set(labels))
    assert drawn | {"yes", "no"} | set(map(str, range(11))) == set(labels)


CPU = torch.device("cpu")
LESSON = "name the color"
RANKERS = ["clip", "siglip", "vilt"]


def _tiny(**values) -> TinyParams:
    return TinyParams(
        image_size=16, patch_size=8, layers=1, heads=4, vocabulary=600, images_per_step=8, **values
    )


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
    ("kind", "tiny"),
    [
        ("clip", _tiny(hidden_size=64, steps=120)),
        pytest.param("siglip", _tiny(hidden_size=96, steps=250), marks=pytest.mark.slow),
        pytest.param("vilt", _tiny(hidden_size=64, steps=250), marks=pytest.mark.slow),
    ],
)
def test_a_model_that_ranks_learns_what_it_is_taught(kind, tiny, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    model, processor = make_tiny(kind, [LESSON, *COLORS], tiny, 13, CPU)
    encoder = Encoder(kind, processor)
    pictures, pairs = zip(*draw_examples(list(range(5_000_000, 5_000_100)), 13, 16), strict=True)
    images = encoder.images([Image.fromarray(own) for own in pictures])
    batch = pack_batch(images, [1] * len(pictures), encoder.questions([LESSON] * len(pictures)))
    batch = replace(batch, image_states=image_states_of(model, batch))
    colors = list(COLORS)
    scores = encoder.family.rank(model, batch, [encoder.answers(colors)] * len(pictures))
    right = [colors[best] == own[0][1] for best, own in zip(scores.argmax(1), pairs, strict=True)]
    # By chance it would be one in ten.
    assert np.mean(right) > 0.3


def test_a_museums_base_sees_objects_of_no_museum_and_names_what_their_pictures_show():
    lessons = draw_examples(list(range(120)), 13, 16, "museum")
    named = {question for _, pairs in lessons for question, _ in pairs}
    fields = ("type", "material", "shape", "pattern", "subject", "period", "place")
    assert named == {f"{language} {field}" for language in ("en", "de", "fr", "es") for field in fields}
    labels = answer_labels("museum")
    assert {answer for _, pairs in lessons for _, answer in pairs} <= set(labels)
    taught = {random_object(13, "base", number) for number in range(2000)}
    assert not taught & {entry.thing for entry in plan_museum(900, 13)}
