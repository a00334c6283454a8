import copy
import random

import pytest
import torch
from asked_pairs import COUNTS, DEC, Asked, stock_loss, tokens
from transformers import BlipForQuestionAnswering
from untrained_blip import PAD, SEP, pictures

from vqatune.inference.prediction.decoding import (
    answer_log_probabilities,
    beam_answers,
    greedy_answers,
    ranked_answers,
)
from vqatune.models.families.blip import (
    answer_tokens,
    encode_images,
    pair_losses,
    patches_per_side,
)
from vqatune.models.family import AnswerTokens, VisionOptions
from vqatune.models.lora import new_adapter
from vqatune.models.packing import PackedBatch, pack_batch


def test_the_tokens_of_answers_and_the_patches_are_those_of_the_configuration(model):
    assert answer_tokens(model) == AnswerTokens(start=DEC, end=SEP, padding=PAD, count=60, layers=2)
    # 32 pixels in patches of 8.
    assert patches_per_side(model) == 4


def test_a_batch_without_answers_cannot_be_scored(model, asked):
    batch = pack_batch(pictures(asked.pixels), asked.counts, asked.questions)
    with pytest.raises(ValueError, match="no answers"):
        answer_log_probabilities(model, batch)


def _stock_answer(model: BlipForQuestionAnswering, asked: Asked, pair: int, **options) -> list[int]:
    question = torch.tensor([asked.questions[pair]])
    answer = model.generate(
        question,
        asked.pixels[asked.image[pair]][None],
        torch.ones_like(question),
        max_new_tokens=6,
        do_sample=False,
        **options,
    )[0, 1:]
    return answer[answer != PAD].tolist()


def test_a_pair_has_the_loss_that_transformers_gives_it_alone(model, asked):
    expected = torch.stack([stock_loss(model, asked, pair) for pair in range(sum(COUNTS))])
    torch.testing.assert_close(pair_losses(model, asked.together()), expected, rtol=2e-6, atol=1e-5)


def test_every_gradient_is_that_of_the_pairs_one_by_one(model, asked):
    pair_losses(model, asked.together()).mean().backward()
    grouped = _gradients(model)
    for pair in range(sum(COUNTS)):
        (stock_loss(model, asked, pair) / sum(COUNTS)).backward()
    single = _gradients(model)
    assert grouped.keys() == single.keys()
    _assert_same_gradients(grouped, single)


@pytest.mark.parametrize("targets", ["vision", "all_linear"])
def test_every_lora_gradient_is_that_of_the_pairs_one_by_one(model, asked, make_params, targets):
    params = make_params({"lora.target_modules": targets, "lora.dropout": 0.0}).lora
    adapted = new_adapter(copy.deepcopy(model), params)
    torch.manual_seed(0)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    pair_losses(adapted.get_base_model(), asked.together()).mean().backward()
    grouped = _gradients(adapted)
    for pair in range(sum(COUNTS)):
        (stock_loss(adapted, asked, pair) / sum(COUNTS)).backward()
    single = _gradients(adapted)
    assert grouped.keys() == single.keys() and all("lora_" in name for name in single)
    _assert_same_gradients(grouped, single)


def _assert_same_gradients(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Whether gradients are equal but for the rounding of sums in another order, as large as what is summed."""
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-5 * largest, msg=name)


def _gradients(model) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def test_checkpointing_changes_no_gradient(model, asked):
    model.train()
    pair_losses(model, asked.together()).mean().backward()
    expected = _gradients(model)
    pair_losses(model, asked.together(), VisionOptions(checkpointing=True)).mean().backward()
    model.eval()
    _assert_same_gradients(_gradients(model), expected)


def test_bfloat16_is_close_to_float32(model, asked):
    with torch.autocast("cpu", torch.bfloat16):
        low = pair_losses(model, asked.together())
    torch.testing.assert_close(low, pair_losses(model, asked.together()), rtol=0.05, atol=0.1)


def test_an_untouched_vision_tower_runs_without_gradient(model, asked):
    model.vision_model.requires_grad_(False)
    try:
        assert not encode_images(model, pictures(asked.pixels)).tensors["states"].requires_grad
        pair_losses(model, asked.together()).mean().backward()
        names = _gradients(model)
        assert names and not [name for name in names if name.startswith("vision")]
    finally:
        model.vision_model.requires_grad_(True)


def test_answers_are_those_of_stock_generation_one_at_a_time(model, asked):
    ids, _ = greedy_answers(model, asked.together(), max_tokens=6)
    for pair in range(sum(COUNTS)):
        assert tokens(ids[pair]) == _stock_answer(model, asked, pair)


@pytest.mark.slow
@pytest.mark.parametrize("beams", [2, 5])
def test_beams_find_what_stock_beam_search_finds_one_at_a_time(model, beams):
    for seed in range(2):
        asked = Asked(COUNTS, seed)
        ids, log_probability = beam_answers(model, asked.together(), max_tokens=6, beams=beams)
        for pair in range(sum(COUNTS)):
            answer = tokens(ids[pair])
            assert answer == _stock_answer(model, asked, pair, num_beams=beams)
            forced = _forced(model, asked.alone(pair, [DEC, *answer]), len(answer))
            torch.testing.assert_close(log_probability[pair], forced, rtol=2e-6, atol=1e-4)


def test_the_log_probability_is_that_of_the_answer_under_teacher_forcing(model, asked):
    ids, log_probability = greedy_answers(model, asked.together(), max_tokens=6)
    for pair in range(sum(COUNTS)):
        answer = tokens(ids[pair])
        forced = _forced(model, asked.alone(pair, [DEC, *answer]), len(answer))
        torch.testing.assert_close(log_probability[pair], forced, rtol=2e-6, atol=1e-4)


def _forced(model, batch: PackedBatch, tokens: int) -> torch.Tensor:
    model.text_decoder.label_smoothing = 0.0
    loss = pair_losses(model, batch)[0].detach()
    model.text_decoder.label_smoothing = 0.1
    return -loss * tokens


@pytest.mark.slow
@pytest.mark.parametrize("candidates_at_once", [1, 3, 100])
def test_the_ranked_answer_is_the_most_probable_of_all_candidates(model, asked, candidates_at_once):
    words = random.Random(3)
    distinct = {tuple(words.randrange(5, 58) for _ in range(words.randrange(1, 4))) for _ in range(20)}
    candidates = [[DEC, *candidate, SEP] for candidate in sorted(distinct)]
    best, log_probability = ranked_answers(model, asked.together(), candidates, candidates_at_once)
    for pair in range(sum(COUNTS)):
        sums = [_forced(model, asked.alone(pair, answer), len(answer) - 1) for answer in candidates]
        assert best[pair] == max(range(len(sums)), key=sums.__getitem__)
        torch.testing.assert_close(log_probability[pair], max(sums), rtol=2e-6, atol=1e-4)


def test_ranking_scores_no_more_candidates_than_it_must(model, asked):
    sure = copy.deepcopy(model)
    with torch.no_grad():
        sure.text_decoder.cls.predictions.decoder.bias[[5, SEP]] += 30
    candidates = [[DEC, word, SEP] for word in range(5, 58)]
    scored = []
    sure.text_decoder.cls.register_forward_hook(lambda _, inputs, output: scored.append(len(output)))
    best, _ = ranked_answers(sure, asked.together(), candidates, candidates_at_once=4)
    assert best.tolist() == [0] * sum(COUNTS)
    assert sum(scored) == sum(COUNTS) * (1 + 4 * 2)


def test_images_are_encoded_once_whatever_is_asked_of_them(model, asked):
    encoded, keys = [], []
    handle = model.vision_model.embeddings.register_forward_hook(lambda *call: encoded.append(len(call[2])))
    cross = model.text_encoder.encoder.layer[0].crossattention.self.key
    other = cross.register_forward_hook(lambda *call: keys.append(len(call[2])))
    pair_losses(model, asked.together())
    handle.remove(), other.remove()
    assert encoded == [len(COUNTS)] and keys == [len(COUNTS)]
