from itertools import product

import pytest
import torch
from transformers import BlipForQuestionAnswering
from untrained_blip import SEP, pictures, untrained_blip

from vqatune.inference.answering.top_k import top_k_answers
from vqatune.inference.prediction.decoding import answer_log_probabilities, greedy_answers
from vqatune.models.packing import pack_batch

DEC, ENC = 7, 8
VOCABULARY, MOST = 9, 4
QUESTIONS = [[ENC, 4, SEP], [ENC, 5, 6, 6, SEP], [ENC, 6, 5, SEP]]


@pytest.fixture(scope="module")
def model() -> BlipForQuestionAnswering:
    return untrained_blip(16, 16, VOCABULARY, DEC, initializer_range=0.4)


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def batch(pixels):
    return pack_batch(pictures(pixels), [1, 2], QUESTIONS)


@pytest.fixture(scope="module")
def every(model, pixels) -> list[dict[tuple[int, ...], float]]:
    """The log-probability of every answer that there can be, question by question."""
    words = [token for token in range(VOCABULARY) if token != SEP]
    answers = [(*text, SEP) for length in range(MOST) for text in product(words, repeat=length)]
    cut_off = list(product(words, repeat=MOST))
    found = []
    for image, question in zip([0, 1, 1], QUESTIONS, strict=True):
        scores = {}
        for part in (answers, cut_off):
            for start in range(0, len(part), 512):
                some = part[start : start + 512]
                asked = pack_batch(
                    pictures(pixels[image][None]),
                    [len(some)],
                    [question] * len(some),
                    [[DEC, *ids] for ids in some],
                )
                scores |= dict(zip(some, answer_log_probabilities(model, asked).tolist(), strict=True))
        found.append(scores)
    return found


@pytest.mark.parametrize("prefixes_at_once", [1, 5])
def test_the_best_answers_are_those_of_all_that_there_can_be(model, batch, every, prefixes_at_once):
    for found, scores in zip(
        top_k_answers(model, batch, 5, MOST, expansions=2000, prefixes_at_once=prefixes_at_once),
        every,
        strict=True,
    ):
        expected = sorted(scores, key=lambda ids: -scores[ids])[:5]
        assert found.proven and found.ids == expected
        assert found.log_probabilities == pytest.approx([scores[ids] for ids in expected], rel=2e-6, abs=1e-4)


def test_all_answers_together_have_probability_one(model, batch):
    # 9 tokens, answers of at most 2: [SEP], and 8 first tokens with 9 second ones each.
    for found in top_k_answers(model, batch, 1000, 2):
        assert found.proven and len(set(found.ids)) == len(found.ids) == 73
        assert torch.tensor(found.log_probabilities).exp().sum() == pytest.approx(1, rel=2e-6, abs=1e-5)
        assert found.log_probabilities == sorted(found.log_probabilities, reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_search_that_gives_up_says_so_and_is_no_worse_than_greedy(model, batch, every, steps):
    _, greedy = greedy_answers(model, batch, MOST)
    for found, scores, least in zip(
        top_k_answers(model, batch, 5, MOST, steps), every, greedy.tolist(), strict=True
    ):
        assert not found.proven
        assert found.log_probabilities[0] >= least - 1e-4
        assert found.log_probabilities == sorted(found.log_probabilities, reverse=True)
        assert found.log_probabilities == pytest.approx(
            [scores[ids] for ids in found.ids], rel=2e-6, abs=1e-4
        )


def test_answers_that_are_alike_count_once_with_the_most_probable(model, batch, every):
    def length(ids: tuple[int, ...]) -> int:
        return len(ids)

    for found, scores in zip(
        top_k_answers(model, batch, 3, MOST, expansions=3000, key=length), every, strict=True
    ):
        assert len({length(ids) for ids in found.ids}) == len(found.ids) == 3
        for ids, log_probability in zip(found.ids, found.log_probabilities, strict=True):
            most = max(score for other, score in scores.items() if length(other) == length(ids))
            assert log_probability == pytest.approx(most, rel=2e-6, abs=1e-4)


def test_a_sure_model_is_asked_for_few_steps(model, batch):
    decoded = []
    handle = model.text_decoder.cls.register_forward_hook(lambda _, inputs, output: decoded.append(1))
    bias = model.text_decoder.cls.predictions.decoder.bias
    with torch.no_grad():
        bias[SEP] += 30
    try:
        found = top_k_answers(model, batch, 1, MOST)
    finally:
        with torch.no_grad():
            bias[SEP] -= 30
        handle.remove()
    assert [answers.ids for answers in found] == [[(SEP,)]] * 3 and len(decoded) == 3


def test_excluded_tokens_are_in_no_answer_and_others_keep_their_probability(model, batch, every):
    # The end token is never excluded.
    for found, scores in zip(
        top_k_answers(model, batch, 6, MOST, expansions=3000, excluded=[4, 5, SEP]), every, strict=True
    ):
        allowed = {ids: score for ids, score in scores.items() if not {4, 5} & set(ids)}
        assert found.proven and found.ids == sorted(allowed, key=lambda ids: -allowed[ids])[:6]
        assert found.log_probabilities == pytest.approx(
            [allowed[ids] for ids in found.ids], rel=2e-6, abs=1e-4
        )


@pytest.mark.parametrize("steps", [1, 3000])
def test_an_answer_without_a_key_is_left_out_unless_there_is_no_other(model, batch, steps):
    def key(ids: tuple[int, ...]) -> tuple[int, ...] | None:
        return ids if len(ids) > 1 else None

    for found in top_k_answers(model, batch, 4, MOST, steps, key=key):
        assert found.ids and all(len(ids) > 1 for ids in found.ids)
    for found in top_k_answers(model, batch, 4, 2, steps, key=lambda ids: None):
        assert len(found.ids) == (0 if found.proven else 1)
