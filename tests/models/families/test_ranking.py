"""Families that rank: what transformers computes one question and one candidate at a time."""

import random
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from PIL import Image
from tiny_rankers import ATTENTIONS, STOCK, tiny_ranker

from vqatune.errors import ImageError, ModelError, ParameterError
from vqatune.inference.answering.top_k import top_k_answers
from vqatune.inference.prediction.decoding import greedy_answers, ranked_answers
from vqatune.models.families import dual_encoder, vilt
from vqatune.models.family import VisionOptions
from vqatune.models.family_lookup import family_of, image_states_of
from vqatune.models.packing import PackedBatch, pack_batch
from vqatune.models.text_vectors import TextVectors

WORDS = ["red", "blue", "two", "striped", "it", "stars", "there"]
CANDIDATES = ["red", "blue", "two", "no", "yes"]
COUNTS = [(1,), (3, 1, 5), (1, 1, 1)]
"""The number of questions of each image of a batch."""


KINDS = [(kind, attention) for kind, attentions in ATTENTIONS.items() for attention in attentions]


@pytest.fixture(scope="module", params=KINDS, ids=" ".join)
def kind_and_attention(request) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def kind(kind_and_attention) -> str:
    return kind_and_attention[0]


@pytest.fixture(scope="module")
def tiny(kind_and_attention):
    return tiny_ranker(*kind_and_attention)


class Asked:
    """Images with questions."""

    def __init__(self, encoder, counts: tuple[int, ...], seed: int = 1) -> None:
        words = random.Random(seed)
        self.encoder, self.counts = encoder, counts
        sizes = [(words.randrange(33, 90), words.randrange(33, 90)) for _ in counts]
        self.images = [Image.effect_noise(size, 90).convert("RGB") for size in sizes]
        self.image = [image for image, count in enumerate(counts) for _ in range(count)]
        self.questions = [" ".join(words.choices(WORDS, k=words.randrange(1, 6))) + "?" for _ in self.image]

    def batch(self, model) -> PackedBatch:
        encoded = self.encoder.questions(self.questions)
        batch = pack_batch(self.encoder.images(self.images), self.counts, encoded)
        return replace(batch, image_states=image_states_of(model, batch))

    def stock(self, kind: str, model, pair: int, candidates: list[str]) -> torch.Tensor:
        image, question = self.images[self.image[pair]], self.questions[pair]
        with torch.no_grad():
            scores = STOCK[kind](model, self.encoder.processor, image, question, candidates)
        return scores.log_softmax(0)


@pytest.mark.parametrize("counts", COUNTS, ids=str)
def test_log_probabilities_are_those_of_one_question_and_candidate_at_a_time(kind, tiny, counts):
    model, encoder = tiny
    asked = Asked(encoder, counts)
    found = family_of(model).rank(
        model, asked.batch(model), [encoder.answers(CANDIDATES)] * len(asked.questions)
    )
    assert found.dtype == torch.float32
    for pair in range(len(asked.questions)):
        expected = asked.stock(kind, model, pair, CANDIDATES)
        torch.testing.assert_close(found[pair], expected, rtol=1e-5, atol=1e-5)


def test_every_question_may_have_candidates_of_its_own(kind, tiny):
    model, encoder = tiny
    asked = Asked(encoder, (2, 1))
    own = [["red", "blue"], ["yes", "no", "two"], ["two"]]
    found = family_of(model).rank(model, asked.batch(model), [encoder.answers(texts) for texts in own])
    assert found.shape == (3, 3)
    for pair, texts in enumerate(own):
        expected = asked.stock(kind, model, pair, texts)
        torch.testing.assert_close(found[pair, : len(texts)], expected, rtol=1e-5, atol=1e-5)
        assert (found[pair, len(texts) :] == -torch.inf).all()


def test_the_ranked_answer_is_the_most_probable_and_the_first_of_equal_ones(kind, tiny):
    model, encoder = tiny
    asked = Asked(encoder, (3, 2))
    candidates = encoder.answers(CANDIDATES)
    chosen, scores = ranked_answers(model, asked.batch(model), candidates)
    for pair in range(len(asked.questions)):
        expected = asked.stock(kind, model, pair, CANDIDATES)
        assert int(chosen[pair]) == int(expected.argmax())
        torch.testing.assert_close(scores[pair], expected.max(), rtol=1e-5, atol=1e-5)
    again, _ = ranked_answers(model, asked.batch(model), [*candidates, *candidates])
    assert torch.equal(again, chosen)


def test_an_image_is_encoded_once_for_all_its_questions(kind, tiny):
    model, encoder = tiny
    seen = []
    part = model.get_submodule(family_of(model).PARTS.vision[0])
    handle = part.register_forward_hook(lambda module, given, out: seen.append(1))
    try:
        batch = Asked(encoder, (4,)).batch(model)
        family_of(model).rank(model, batch, [encoder.answers(CANDIDATES)] * 4)
    finally:
        handle.remove()
    assert len(seen) == 1


def test_how_many_are_encoded_at_once_makes_no_difference(kind, tiny, monkeypatch):
    model, encoder = tiny
    asked = Asked(encoder, (3, 1, 5))
    candidates = [encoder.answers(CANDIDATES)] * len(asked.questions)
    together = family_of(model).rank(model, asked.batch(model), candidates)
    monkeypatch.setattr(dual_encoder, "TEXTS_AT_ONCE", 4)
    monkeypatch.setattr(vilt.model, "PAIRS_AT_ONCE", 2)
    parts = family_of(model).rank(model, asked.batch(model), candidates)
    torch.testing.assert_close(parts, together, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_a_question_with_its_candidates_is_encoded_once_where_vectors_are_kept(name):
    model, encoder = tiny_ranker(name)
    asked, candidates = Asked(encoder, (3, 1, 5)), encoder.answers(CANDIDATES)
    batch, together = asked.batch(model), [candidates] * len(asked.questions)
    expected = family_of(model).rank(model, batch, together)
    kept, tight = TextVectors(), TextVectors(most_bytes=1)
    found = family_of(model).rank(model, batch, together, kept)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    # In any composition, and whatever was dropped, a vector has the same bits.
    assert torch.equal(family_of(model).rank(model, batch, together, tight), found)
    with pytest.raises(AssertionError, match="encoded again"), encoding_texts_fails(model):
        family_of(model).rank(model, batch, together, tight)
    with encoding_texts_fails(model):
        assert torch.equal(family_of(model).rank(model, batch, together, kept), found)


@contextmanager
def encoding_texts_fails(model):
    def fail(*given):
        raise AssertionError("encoded again")

    handle = model.text_model.register_forward_pre_hook(fail)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_a_text_that_questions_share_is_encoded_once(name):
    model, encoder = tiny_ranker(name)
    picture = encoder.images([Image.new("RGB", (40, 40), "red"), Image.new("RGB", (40, 40), "blue")])
    batch = pack_batch(picture, [2, 2], encoder.questions(["it?", "two?", "it?", "two?"]))
    rows = []
    handle = model.text_model.register_forward_hook(
        lambda module, given, out: rows.append(len(out.pooler_output))
    )
    try:
        batch = replace(batch, image_states=image_states_of(model, batch))
        family_of(model).rank(model, batch, [encoder.answers(CANDIDATES)] * 4)
    finally:
        handle.remove()
    assert sum(rows) == 2 * len(CANDIDATES)


def test_a_long_question_is_truncated_and_its_answer_is_not(kind, tiny):
    model, encoder = tiny
    long = "red " * 200 + "?"
    assert encoder.too_long(["red?", long]) == [long]
    picture = encoder.images([Image.new("RGB", (40, 40), "red")])
    batch = pack_batch(picture, [1], encoder.questions([long]))
    batch = replace(batch, image_states=image_states_of(model, batch))
    scores = family_of(model).rank(model, batch, [encoder.answers(CANDIDATES)])
    assert len(set(scores[0].tolist())) == len(CANDIDATES)


def test_a_question_beyond_the_context_is_one_line(kind, tiny):
    model, encoder = tiny
    picture = encoder.images([Image.new("RGB", (40, 40), "red")])
    whole = encoder.family.questions(encoder.processor, ["red " * 200], None)
    batch = pack_batch(picture, [1], whole)
    batch = replace(batch, image_states=image_states_of(model, batch))
    with pytest.raises(ModelError, match=r"takes \d+ tokens, and the model reads \d+") as caught:
        family_of(model).rank(model, batch, [encoder.answers(CANDIDATES)])
    assert "\n" not in str(caught.value)


def test_pictures_are_the_same_together_and_alone(kind, tiny):
    _, encoder = tiny
    asked = Asked(encoder, (1, 1, 1))
    together = encoder.images(asked.images)
    for number, image in enumerate(asked.images):
        alone, own = encoder.images([image]), together.select(number, number + 1)
        assert alone.rows == own.rows
        for name, tensor in alone.tensors.items():
            assert torch.equal(tensor, own.tensors[name]), name


def test_a_picture_of_extreme_aspect_is_taken_or_refused_in_one_line(kind, tiny):
    narrow = Image.new("RGB", (1, 5000), "red")
    if kind == "siglip":
        assert len(tiny[1].images([narrow])) == 1
        return
    with pytest.raises(ImageError, match="does not take this picture") as caught:
        tiny[1].images([narrow])
    assert "\n" not in str(caught.value)


def test_writing_answers_is_refused_in_one_line(kind, tiny):
    model, encoder = tiny
    batch = Asked(encoder, (1,)).batch(model)
    for write in (
        lambda: greedy_answers(model, batch, 5),
        lambda: top_k_answers(model, batch, 3, 5),
        lambda: encoder.decode(torch.tensor([[1]])),
    ):
        with pytest.raises(ParameterError, match=f"a model of type {kind} writes no answers") as caught:
            write()
        assert "\n" not in str(caught.value)


def test_the_vision_tower_is_not_compiled(kind, tiny):
    model, encoder = tiny
    pictures = encoder.images([Image.new("RGB", (40, 40), "red")])
    with pytest.raises(ParameterError, match=r"compute.compile is for BLIP alone"):
        encoder.family.encode_images(model, pictures, VisionOptions(compiled=True))
