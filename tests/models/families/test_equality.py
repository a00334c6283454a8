"""Models with all questions of an image in one pass: what transformers computes one question at a time."""

import pytest
import torch
from asked_families import WORDS, Asked, stock_answer, stock_loss, without_padding
from tiny_families import STOCK, tiny_model

from vqatune.inference.prediction.decoding import (
    answer_log_probabilities,
    beam_answers,
    greedy_answers,
    ranked_answers,
)
from vqatune.models.encoder import Encoder
from vqatune.models.family_lookup import family_of
from vqatune.models.packing import pack_batch

BATCHES = [("sdpa", (1,)), ("sdpa", (3, 1, 5)), ("eager", (2, 4))]
"""How attention is computed, and the number of questions of each image of a batch."""


@pytest.fixture(scope="module", params=STOCK)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module", params=BATCHES, ids=str)
def batch(request) -> tuple[str, tuple[int, ...]]:
    return request.param


@pytest.fixture(scope="module")
def tiny(kind, batch):
    return tiny_model(kind, batch[0])


@pytest.fixture(scope="module")
def model(tiny):
    return tiny[0]


@pytest.fixture(scope="module")
def encoder(tiny) -> Encoder:
    return tiny[1]


@pytest.fixture(scope="module")
def asked(encoder, batch) -> Asked:
    return Asked(encoder, batch[1])


def test_losses_and_gradients_are_those_of_one_question_at_a_time(kind, model, asked):
    losses = family_of(model).pair_losses(model, asked.together())
    expected = torch.stack([stock_loss(kind, model, asked, pair) for pair in range(len(asked.image))])
    torch.testing.assert_close(losses, expected, rtol=1e-5, atol=1e-5)
    ours = torch.autograd.grad(losses.mean(), [*model.parameters()], allow_unused=True)
    theirs = torch.autograd.grad(expected.mean(), [*model.parameters()], allow_unused=True)
    largest = max(float(gradient.abs().max()) for gradient in theirs if gradient is not None)
    for (name, _), own, other in zip(model.named_parameters(), ours, theirs, strict=True):
        assert (own is None) == (other is None), name
        if own is not None:
            # Sums in another order round by as much as their largest terms.
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5 * largest, msg=name)


def test_greedy_answers_are_those_of_stock_generation(kind, model, asked):
    with torch.no_grad():
        ids, sums = greedy_answers(model, asked.together(), 5)
        for pair in range(len(asked.image)):
            assert without_padding(model, ids[pair]) == stock_answer(kind, model, asked, pair)
    assert (sums < 0).all()


def test_beams_are_those_of_stock_beam_search(kind, model, asked):
    with torch.no_grad():
        ids, _ = beam_answers(model, asked.together(), 5, 3)
        for pair in range(len(asked.image)):
            assert without_padding(model, ids[pair]) == stock_answer(kind, model, asked, pair, num_beams=3)


def test_the_log_probability_of_an_answer_is_that_under_teacher_forcing(kind, model, asked):
    found = answer_log_probabilities(model, asked.together())
    with torch.no_grad():
        for pair in range(len(asked.image)):
            expected = -stock_loss(kind, model, asked, pair) * (len(asked.answers[pair]) - 1)
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
    family, seen = family_of(model), []
    tower = model.get_submodule(family.PARTS.vision[0])
    handle = tower.register_forward_hook(lambda module, given, out: seen.append(1))
    family.pair_losses(model, asked.together())
    handle.remove()
    assert seen == [1]


@pytest.mark.parametrize("kind", STOCK)
def test_a_loss_does_not_depend_on_what_else_is_asked(kind):
    model, encoder = tiny_model(kind)
    asked = Asked(encoder, (40, 2))
    with torch.no_grad():
        together = family_of(model).pair_losses(model, asked.together())
        alone = [stock_loss(kind, model, asked, pair) for pair in range(len(asked.image))]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-5, atol=1e-5)
