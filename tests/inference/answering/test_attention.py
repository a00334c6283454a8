import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from transformers import BlipForQuestionAnswering
from untrained_blip import SEP, pictures, untrained_blip

from vqatune.inference.answering.attention import attention, attention_rollout
from vqatune.models import lora
from vqatune.models.families.blip.model import encode_images, question_states
from vqatune.models.packing import pack_batch

DEC, ENC = 58, 59
QUESTION, ANSWER = [ENC, 12, 40, 7, 9, SEP], [20, 31, 5]


@pytest.fixture(scope="module")
def model() -> BlipForQuestionAnswering:
    return untrained_blip(32, 32, 60, DEC)


@pytest.fixture(scope="module")
def batch():
    return pack_batch(
        pictures(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(4))),
        [1],
        [QUESTION],
        [[DEC, *ANSWER, SEP]],
    )


def test_every_row_of_every_attention_sums_to_one(model, batch):
    given = attention(model, batch, ANSWER)
    assert [layer.shape for layer in given.question_to_itself] == [(6, 6)] * 2
    assert [layer.shape for layer in given.question_to_patches] == [(6, 17)] * 2
    assert [layer.shape for layer in given.answer_to_itself] == [(4, 4)] * 2
    assert [layer.shape for layer in given.answer_to_question] == [(4, 6)] * 2
    for kind in vars(given).values():
        for layer in kind:
            torch.testing.assert_close(layer.sum(1), torch.ones(len(layer)))


def test_the_attention_is_that_of_the_layers_queries_and_keys(model, batch):
    """What the layers look with, in the pass that losses and answers are computed by, gives the same attention."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str):
        return lambda layer, inputs, output: seen.__setitem__(name, output)

    handles = [
        module.register_forward_hook(keep(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.endswith((".query", ".key"))
    ]
    from vqatune.inference.prediction.decoding import answer_log_probabilities

    answer_log_probabilities(model, batch)
    for handle in handles:
        handle.remove()

    def expected(tower: str, layer: int, kind: str, causal: bool = False) -> torch.Tensor:
        query, key = (
            seen[f"{tower}.encoder.layer.{layer}.{kind}.self.{part}"].reshape(-1, 4, 8).transpose(0, 1)
            for part in ("query", "key")
        )
        scores = query @ key.transpose(1, 2) / 8**0.5
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        return scores.softmax(-1).mean(0)

    given = attention(model, batch, ANSWER)
    for layer in range(2):
        for name, tower, kind, causal in (
            ("question_to_itself", "text_encoder", "attention", False),
            ("question_to_patches", "text_encoder", "crossattention", False),
            ("answer_to_itself", "text_decoder.bert", "attention", True),
            ("answer_to_question", "text_decoder.bert", "crossattention", False),
        ):
            found = getattr(given, name)[layer]
            torch.testing.assert_close(
                found, expected(tower, layer, kind, causal), rtol=2e-6, atol=1e-5, msg=name
            )


def test_the_map_lies_as_the_patches_do_and_sums_to_one(model, batch):
    looked = attention_rollout(model, batch, ANSWER)
    assert looked.shape == (4, 4) and looked.dtype == torch.float32
    assert (looked >= 0).all() and looked.sum() == pytest.approx(1, abs=1e-5)
    assert not torch.equal(looked, attention_rollout(model, batch, [20, 6, 5]))


def test_the_map_is_the_mix_of_states_that_the_docstring_says(model, batch):
    given = attention(model, batch, ANSWER)
    own, eye = torch.eye(6) * 0.5, torch.eye(4) * 0.5
    words, patches = torch.eye(6), torch.zeros(6, 17)
    for itself, picture in zip(given.question_to_itself, given.question_to_patches, strict=True):
        mixed = own + itself / 2
        words, patches = mixed @ words / 2, mixed @ patches / 2 + picture / 2
    # What does not come from the picture comes from the words.
    torch.testing.assert_close(words.sum(1) + patches.sum(1), torch.ones(6))
    question = torch.zeros(4, 6)
    for itself, asked in zip(given.answer_to_itself, given.answer_to_question, strict=True):
        question = (eye + itself / 2) @ question / 2 + asked / 2
    expected = (question @ patches)[:3].mean(0)[1:]
    looked = attention_rollout(model, batch, ANSWER)
    torch.testing.assert_close(looked, (expected / expected.sum()).view(4, 4), rtol=1e-4, atol=1e-6)


def test_a_model_that_looks_at_one_patch_only_has_looked_there(model, batch):
    """Keys of the question's cross-attention that are large for one patch's state alone: all looks go to it."""
    one = copy.deepcopy(model)
    states = encode_images(one, batch.pictures).tensors["states"].detach()[0]
    target = 1 + 6
    # A direction in which that patch stands out from all others.
    away = torch.linalg.lstsq(states, torch.nn.functional.one_hot(torch.tensor(target), 17).float()[:, None])
    with torch.no_grad():
        for layer in one.text_encoder.encoder.layer:
            inner = layer.crossattention.self
            inner.query.weight.zero_(), inner.query.bias.fill_(1.0)
            inner.key.bias.zero_()
            inner.key.weight.copy_(200 * away.solution.T.expand(32, 32))
    looked = attention_rollout(one, batch, ANSWER)
    assert looked[1, 2] > 0.99


def test_an_answer_without_tokens_has_looked_somewhere(model, batch):
    assert attention_rollout(model, batch, []).sum() == pytest.approx(1, abs=1e-5)


def test_only_one_question_has_a_map(model):
    two = pack_batch(pictures(torch.zeros(1, 3, 32, 32)), [2], [QUESTION, QUESTION])
    with pytest.raises(ValueError, match="of one question"):
        attention(model, two, ANSWER)


def test_a_versions_adapter_counts(model, batch, lora_with):
    adapted = lora.new_adapter(copy.deepcopy(model), lora_with())
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(1))
    inside = attention_rollout(adapted.get_base_model().eval(), batch, ANSWER)
    merged = attention_rollout(adapted.merge_and_unload().eval(), batch, ANSWER)
    torch.testing.assert_close(inside, merged, rtol=2e-6, atol=1e-5)
    assert (merged - attention_rollout(model, batch, ANSWER)).abs().max() > 1e-3


def test_the_questions_states_are_those_that_answers_are_made_from(model, batch):
    """transformers' own pass, which the attention comes from, is the same as the pass that answers are made by."""
    states = encode_images(model, batch.pictures)
    ours = question_states(model, replace(batch, image_states=states))
    images = states.tensors["states"]
    stock = model.text_encoder(
        input_ids=batch.questions.ids[None], encoder_hidden_states=images, attention_mask=torch.ones(1, 6)
    )
    torch.testing.assert_close(ours, stock.last_hidden_state[0], rtol=2e-6, atol=1e-4)
