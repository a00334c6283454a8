"""Quantized models: what transformers computes with the same configuration of bitsandbytes, one question at a time."""

from collections.abc import Callable
from pathlib import Path

import asked_families
import asked_pairs
import pytest
import torch
from peft import PeftModel
from tiny_families import tiny_model
from torch import Tensor, nn

from vqatune.inference.prediction.decoding import answer_log_probabilities
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.family import VisionOptions
from vqatune.models.family_lookup import family_of
from vqatune.models.prepare import train_adapter
from vqatune.models.quantization import quantization_config

KINDS = ["blip", "llava", "blip-2 t5"]
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


class Case:
    """A checkpoint, what it is asked, and transformers' loss of a pair alone."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.folder = folder
        self.stock_loss: Callable[[nn.Module, int], Tensor]
        if kind == "blip":
            model, asked = asked_pairs.asked_model(), asked_pairs.Asked(asked_pairs.COUNTS)
            model.save_pretrained(folder)
            self.stock_loss = lambda model, pair: asked_pairs.stock_loss(model, asked, pair)
            self.targets = "all_linear"
        else:
            model, encoder = tiny_model(kind)
            encoder.family.save_checkpoint(model, encoder.processor, folder, "[ENC]")
            asked = asked_families.Asked(encoder, (3, 1, 5))
            self.stock_loss = lambda model, pair: asked_families.stock_loss(kind, model, asked, pair)
            self.targets = "text_query_value_dense"
        self.asked, self.whole = asked, model
        self.pairs = range(len(asked.image))

    def stock(self, quantization: str) -> nn.Module:
        """Return the model as transformers quantizes it, computing as it does in training."""
        config = quantization_config(self.whole, quantization)
        model = type(self.whole).from_pretrained(
            self.folder, dtype=torch.float32, quantization_config=config, device_map={"": "cpu"}
        )
        for module in model.eval().modules():
            # In evaluation bitsandbytes rounds the inputs, too.
            module.training = isinstance(module, nn.Linear)
        return model


@pytest.fixture(scope="module", params=KINDS)
def case(request, tmp_path_factory) -> Case:
    folder = tmp_path_factory.mktemp("stored") / "base"
    folder.mkdir()
    return Case(request.param, folder)


@pytest.fixture(scope="module", params=["int8", "nf4"])
def quantization(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(case, quantization) -> nn.Module:
    return load_model(case.folder, torch.float32, quantization).eval()


def test_losses_and_log_probabilities_are_those_of_one_question_at_a_time(case, model, quantization):
    stock, batch = case.stock(quantization), case.asked.together()
    with torch.no_grad():
        losses = family_of(model).pair_losses(model, batch)
        expected = torch.stack([case.stock_loss(stock, pair) for pair in case.pairs])
        whole = torch.stack([case.stock_loss(case.whole, pair) for pair in case.pairs])
    torch.testing.assert_close(losses, expected, **CLOSE)
    assert (losses - whole).abs().max() > 1e-4
    counts = batch.inputs.rows.mask.sum(1)
    if not getattr(getattr(model, "text_decoder", None), "label_smoothing", 0):
        torch.testing.assert_close(answer_log_probabilities(model, batch), -expected * counts, **CLOSE)


def test_states_and_answers_are_close_to_those_of_whole_weights(case, model, quantization):
    batch = case.asked.together()
    with torch.no_grad():
        states, exact = (
            family_of(each).encode_images(each, batch.pictures).tensors for each in (model, case.whole)
        )
        sums, whole = (answer_log_probabilities(each, batch) for each in (model, case.whole))
    name = next(name for name in states if states[name].is_floating_point())
    error = (states[name] - exact[name]).norm() / exact[name].norm()
    # These weights are random, and make more of an error than learnt ones.
    most = {"int8": 0.05, "nf4": 0.4}[quantization]
    assert 0 < error < most, error
    assert ((sums - whole).abs() / whole.abs()).mean() < most


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_every_gradient_is_that_of_stock_peft_one_pair_at_a_time(
    case, quantization, variant, lora_with, tmp_path
):
    params = lora_with(target_modules=case.targets, variant=variant)
    adapted = lora.new_adapter(load_model(case.folder, torch.float32, quantization), params)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight += 0.1 * torch.randn(weight.shape, generator=generator)
    lora.save_adapter(adapted, tmp_path / "v1")
    train_adapter(adapted)
    model, batch = adapted.get_base_model(), case.asked.together()
    found = {}
    for checkpointing in (False, True):
        options = VisionOptions(checkpointing=checkpointing)
        losses = family_of(model).pair_losses(model, batch, options)
        losses.mean().backward()
        found[checkpointing] = _gradients(adapted)
    stock = case.stock(quantization)
    if (quantization, variant) == ("int8", "dora"):
        # On a CPU peft itself computes with these once only.
        stock = stock.dequantize()
    stock = PeftModel.from_pretrained(stock, tmp_path / "v1", is_trainable=True)
    for pair in case.pairs:
        (case.stock_loss(stock.get_base_model(), pair) / len(case.pairs)).backward()
    expected = _gradients(stock)
    assert expected and all("lora_" in name for name in expected)
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for own in found.values():
        assert own.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(own[name], gradient, rtol=1e-3, atol=1e-4 * largest, msg=name)


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found
