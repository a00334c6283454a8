"""Texts without padding: each is whole and apart from the others, alone in a layout and through the model."""

import pytest
import torch
from asked_pairs import DEC, ENC, Asked, tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from untrained_blip import SEP, pictures

from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.models.families.blip import pair_losses
from vqatune.models.packing import pack_batch, pack_rows, pairs_of_images


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_shared_rows_hold_every_text_whole_and_apart(lengths):
    packed = pack_rows(lengths)
    rows, width = packed.rows.mask.shape
    assert width == max(lengths) and packed.rows.mask.sum() == sum(lengths)
    assert rows <= len(lengths) and rows * width < 2 * sum(lengths) + width
    padded = packed.rows.pad(torch.arange(sum(lengths), dtype=torch.float32)[:, None])
    assert packed.rows.unpad(padded)[:, 0].tolist() == list(range(sum(lengths)))
    text = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    place = packed.rows.slot.view(-1)
    mask = torch.ones(rows, 1, width, width, dtype=torch.bool) if packed.mask is None else packed.mask
    for token in {0, sum(lengths) // 2, sum(lengths) - 1}:
        row, column = divmod(int(place[token]), width)
        looked_at = {row * width + int(other) for other in mask[row, 0, column].nonzero()[:, 0]}
        assert looked_at == {int(place[other]) for other in (text == text[token]).nonzero()[:, 0]}


def test_the_share_of_padding_is_that_of_the_rows(asked):
    assert pack_batch(pictures(asked.pixels[:1]), [2], [[ENC, 5, SEP]] * 2, [[DEC, 6, SEP]] * 2).padding == 0
    ragged = pack_batch(pictures(asked.pixels[:2]), [1, 1], [[ENC, 5, SEP], [ENC, 5, 5, 5, 5, SEP]])
    assert ragged.padding == pytest.approx(0.25)


@given(counts=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=6))
def test_a_batch_says_how_many_questions_an_image_has(counts):
    lengths = [length for image in counts for length in image]
    batch = pack_batch(None, [len(image) for image in counts], [[5] * length for length in lengths])
    assert pairs_of_images(batch).tolist() == [len(image) for image in counts]


def test_nothing_is_computed_on_padding(model, asked):
    computed = []
    layers = [model.text_encoder.encoder.layer[0].intermediate.dense, model.text_decoder.cls]
    handles = [
        layer.register_forward_hook(lambda _, inputs, output: computed.append(len(inputs[0])))
        for layer in layers
    ]
    pair_losses(model, asked.together())
    for handle in handles:
        handle.remove()
    assert computed == [sum(map(len, asked.questions)), sum(len(answer) - 1 for answer in asked.answers)]


@pytest.mark.parametrize("seed", [49, 59, 89, 96])
def test_questions_that_fill_their_packed_rows_do_not_read_each_other(model, seed):
    # Three questions in two rows without any padding, of which the first stands in the last row.
    asked = Asked((3,), seed)
    assert asked.together().packed.rows.mask.all() and not asked.together().packed.rows.in_order
    losses = pair_losses(model, asked.together())
    for pair in range(3):
        alone = pair_losses(model, asked.alone(pair))[0]
        torch.testing.assert_close(losses[pair], alone, rtol=2e-6, atol=1e-5)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple), seed=st.integers(0, 99))
def test_a_pair_has_the_same_loss_and_answer_whatever_is_beside_it(model, counts, seed):
    asked = Asked(counts, seed)
    batch = asked.together()
    losses = pair_losses(model, batch)
    ids, log_probability = greedy_answers(model, batch, max_tokens=6)
    for pair in {0, len(asked.image) // 2, len(asked.image) - 1}:
        alone = asked.alone(pair)
        torch.testing.assert_close(losses[pair], pair_losses(model, alone)[0], rtol=2e-6, atol=1e-5)
        alone_ids, alone_log_probability = greedy_answers(model, alone, max_tokens=6)
        assert tokens(ids[pair]) == tokens(alone_ids[0])
        torch.testing.assert_close(log_probability[pair], alone_log_probability[0], rtol=2e-6, atol=1e-4)
