"""LLaVA with all questions of an image in one pass: what transformers computes one question at a time."""

import random

import pytest
import torch
from PIL import Image
from tiny_llava import tiny_llava, tiny_processor

from vqatune.inference.prediction.decoding import (
    answer_log_probabilities,
    beam_answers,
    greedy_answers,
    ranked_answers,
)
from vqatune.models.encoder import Encoder
from vqatune.models.family import family_of
from vqatune.models.packing import PackedBatch, pack_batch

WORDS = ["red", "blue", "two", "striped", "it", "stars", "there"]
COUNTS = [(1,), (3, 1, 5), (14, 2), (1, 1, 1)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder("llava", tiny_processor())


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def model(request, encoder):
    return tiny_llava(encoder.processor, request.param)


class Asked:
    """Images with questions and answers, together or one by one."""

    def __init__(self, encoder: Encoder, counts: tuple[int, ...], seed: int = 1) -> None:
        words = random.Random(seed)
        sizes = [(words.randrange(8, 60), words.randrange(8, 60)) for _ in counts]
        images = [Image.effect_noise(size, 90).convert("RGB") for size in sizes]
        self.counts, self.pictures = counts, encoder.images(images)
        self.image = [image for image, count in enumerate(counts) for _ in range(count)]
        texts = [" ".join(words.choices(WORDS, k=words.randrange(1, 6))) + "?" for _ in self.image]
        self.questions = encoder.questions(texts)
        self.answers = encoder.answers([words.choice(WORDS) for _ in self.image])

    def together(self) -> PackedBatch:
        return pack_batch(self.pictures, self.counts, self.questions, self.answers)

    def prompt(self, pair: int) -> tuple[list[int], torch.Tensor]:
        """The tokens before a pair's answer, the last among them, and the image's pixels."""
        own = self.pictures.select(self.image[pair], self.image[pair] + 1)
        ids = [*own.tensors["prefix"].tolist(), *self.questions[pair], self.answers[pair][0]]
        return ids, own.tensors["pixel_values"]


@pytest.fixture(scope="module", params=COUNTS, ids=str)
def asked(request, encoder) -> Asked:
    torch.manual_seed(3)
    return Asked(encoder, request.param)


def _stock_loss(model, asked: Asked, pair: int) -> torch.Tensor:
    ids, pixels = asked.prompt(pair)
    answer = asked.answers[pair][1:]
    labels = torch.tensor([[-100] * len(ids) + answer])
    return model(input_ids=torch.tensor([[*ids, *answer]]), pixel_values=pixels, labels=labels).loss


def test_losses_and_gradients_are_those_of_one_question_at_a_time(model, asked):
    losses = family_of(model).pair_losses(model, asked.together())
    expected = torch.stack([_stock_loss(model, asked, pair) for pair in range(len(asked.image))])
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)
    ours = torch.autograd.grad(losses.mean(), [*model.parameters()], allow_unused=True)
    theirs = torch.autograd.grad(expected.mean(), [*model.parameters()], allow_unused=True)
    for (name, _), own, other in zip(model.named_parameters(), ours, theirs, strict=True):
        assert (own is None) == (other is None), name
        if own is not None:
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5, msg=name)


def _stock_answer(model, asked: Asked, pair: int, **options) -> list[int]:
    ids, pixels = asked.prompt(pair)
    found = model.generate(
        input_ids=torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        pixel_values=pixels,
        max_new_tokens=5,
        do_sample=False,
        **options,
    )[0, len(ids) :]
    return found.tolist()


def _without_padding(model, ids: torch.Tensor) -> list[int]:
    return ids[ids != family_of(model).answer_tokens(model).padding].tolist()


def test_greedy_answers_are_those_of_stock_generation(model, asked):
    with torch.no_grad():
        ids, sums = greedy_answers(model, asked.together(), 5)
        for pair in range(len(asked.image)):
            assert _without_padding(model, ids[pair]) == _stock_answer(model, asked, pair)
    assert (sums < 0).all()


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_are_those_of_stock_beam_search(model, asked, beams):
    with torch.no_grad():
        ids, _ = beam_answers(model, asked.together(), 5, beams)
        for pair in range(len(asked.image)):
            assert _without_padding(model, ids[pair]) == _stock_answer(model, asked, pair, num_beams=beams)


def test_the_log_probability_of_an_answer_is_that_under_teacher_forcing(model, asked):
    found = answer_log_probabilities(model, asked.together())
    with torch.no_grad():
        for pair in range(len(asked.image)):
            expected = -_stock_loss(model, asked, pair) * (len(asked.answers[pair]) - 1)
            torch.testing.assert_close(found[pair], expected, rtol=1e-5, atol=1e-5)


def test_the_ranked_answer_is_the_most_probable_of_all(model, asked, encoder):
    candidates = encoder.answers(WORDS)
    chosen, sums = ranked_answers(model, asked.together(), candidates, candidates_at_once=2)
    for pair in range(len(asked.image)):
        batch = pack_batch(
            asked.pictures.select(asked.image[pair], asked.image[pair] + 1),
            [len(candidates)],
            [asked.questions[pair]] * len(candidates),
            candidates,
        )
        every = answer_log_probabilities(model, batch)
        assert int(chosen[pair]) == int(every.argmax())
        torch.testing.assert_close(sums[pair], every.max(), rtol=1e-5, atol=1e-5)


def test_an_image_goes_through_the_vision_tower_once(model, asked):
    seen = []
    handle = model.model.vision_tower.register_forward_hook(
        lambda module, given, out: seen.append(len(given[0]))
    )
    family_of(model).pair_losses(model, asked.together())
    handle.remove()
    assert seen == [len(asked.counts)]
