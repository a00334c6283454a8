"""What is quantized, what stays as it is, and what is refused."""

import hashlib
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from peft.utils.integrations import dequantize_module_weight
from safetensors.torch import load_file
from tiny_families import tiny_model
from tiny_rankers import tiny_ranker
from torch import nn
from transformers import BlipForQuestionAnswering

from vqatune.errors import MissingExtraError, ModelError, ParameterError
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.prediction.predict import predict
from vqatune.models import lora
from vqatune.models.adapter_precision import merge
from vqatune.models.checkpoint import load_model
from vqatune.models.prepare import autocast, cast_to_float32, prepare_model
from vqatune.models.quantization import (
    check_quantization,
    count_weights,
    has_quantized_layers,
    is_quantized,
    quantization_config,
    whole_layers,
)
from vqatune.tables import read_csv
from vqatune.training.loop import train_version

CPU = torch.device("cpu")
WHOLE = {
    "blip-2": {"language_model.lm_head"},
    "blip-2 t5": {"language_model.lm_head"},
    "llava": {"lm_head"},
    "idefics3": {"lm_head"},
    "qwen2_5_vl": {"lm_head"},
    "qwen2_vl": {"lm_head"},
    "clip": {"visual_projection", "text_projection"},
    "siglip": {
        "text_model.head",
        "vision_model.head.attention.out_proj",
        "vision_model.head.mlp.fc1",
        "vision_model.head.mlp.fc2",
    },
    "vilt": {"classifier.0", "classifier.3"},
}
"""Heads, by kind of tiny model."""


@pytest.fixture(scope="module", params=["int8", "nf4"])
def quantization(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def quantized_params(tiny_with, quantization):
    return tiny_with({"compute.quantization": quantization, "train.gradient_checkpointing": True})


@pytest.fixture(scope="module")
def version(tiny_base, quantized_params, pairs, places, tmp_path_factory) -> Path:
    """The folder of a version that was tuned on a quantized base."""
    folder = tmp_path_factory.mktemp("quantized") / "models" / "v1"
    folder.parent.mkdir()
    (folder.parent / "base").symlink_to(tiny_base)
    train_version(quantized_params, "v1", tiny_base, None, pairs, places, folder)
    return folder


def _linear(model: nn.Module) -> dict[str, nn.Linear]:
    return {path: module for path, module in model.named_modules() if isinstance(module, nn.Linear)}


@pytest.mark.parametrize("kind", WHOLE)
def test_all_linear_layers_but_the_heads_are_quantized(kind, tmp_path):
    model, encoder = tiny_ranker(kind) if kind in ("clip", "siglip", "vilt") else tiny_model(kind)
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path, "[ENC]")
    loaded = load_model(tmp_path, torch.float32, "int8")
    whole = {path for path, layer in _linear(loaded).items() if not is_quantized(layer.weight)}
    # transformers keeps BLIP-2's Q-Former and T5's wo in float32.
    kept = {path for path in whole if "qformer" in path or path.endswith(".wo")}
    assert whole - kept == WHOLE[kind]
    assert not kept or kind.startswith("blip-2")
    assert count_weights(loaded) == count_weights(model)


def test_the_tied_head_of_blip_and_layers_of_odd_width_stay_whole(tiny_base):
    model = load_model(tiny_base)
    model.vision_model.encoder.layers[0].mlp.fc1 = nn.Linear(31, 4)
    odd, head = "vision_model.encoder.layers.0.mlp.fc1", "text_decoder.cls.predictions.decoder"
    assert whole_layers(model, "int8") == [odd, head]
    # Of the others only the dense layers behind the widest one have a multiple of 64 inputs.
    whole = set(whole_layers(model, "nf4"))
    assert {odd, head} < whole
    assert {layer.in_features % 64 for path, layer in _linear(model).items() if path not in whole} == {0}


def test_every_layers_weights_are_close_to_the_whole_ones(tiny_base, quantization):
    whole, loaded = (
        _linear(load_model(tiny_base)),
        _linear(load_model(tiny_base, torch.float32, quantization)),
    )
    errors = []
    for path, layer in loaded.items():
        if is_quantized(layer.weight):
            weight = dequantize_module_weight(layer).detach()
            exact = whole[path].weight.detach()
            errors.append(float((weight - exact).norm() / exact.norm()))
    assert errors and 0 < max(errors) < {"int8": 0.01, "nf4": 0.12}[quantization]


def _bytes(model: nn.Module) -> dict[str, str]:
    """Digests of quantized weights and of all that dequantizes them."""
    found = {}
    for path, layer in _linear(model).items():
        if is_quantized(layer.weight):
            state = {}
            layer._save_to_state_dict(state, "", False)
            state.pop("bias", None)
            content = b"".join(tensor.numpy().tobytes() for _, tensor in sorted(state.items()))
            found[path] = hashlib.sha256(content).hexdigest()
    return found


@pytest.mark.parametrize("precision", ["bf16", "float32"])
def test_neither_placing_nor_using_nor_casting_changes_quantized_weights(tiny_base, quantization, precision):
    model = load_model(tiny_base, torch.float32, quantization)
    before = _bytes(model)
    prepare_model(model.requires_grad_(False), CPU, precision)
    model.eval()
    assert before and _bytes(model) == before
    size = model.config.vision_config.image_size
    with torch.no_grad(), autocast(CPU, precision):
        states = model.vision_model(torch.randn(1, 3, size, size)).last_hidden_state
    assert states.isfinite().all() and _bytes(model) == before
    cast_to_float32(model)
    with torch.no_grad():
        states = model.vision_model(torch.randn(1, 3, size, size)).last_hidden_state
    assert states.dtype == torch.float32 and _bytes(model) == before


def test_rounding_to_bf16_ends_where_the_model_is_cast_to_float32(tiny_base, quantization):
    exact = load_model(tiny_base, torch.float32, quantization).eval()
    model = load_model(tiny_base, torch.float32, quantization).eval()
    prepare_model(model.requires_grad_(False), CPU, "bf16")
    cast_to_float32(model)
    size = model.config.vision_config.image_size
    pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    layer = "vision_model.encoder.layers.0.mlp.fc2"
    inputs = torch.randn(5, model.get_submodule(layer).in_features)
    with torch.no_grad():
        # Biases of these are zero, and have the same digits in bf16.
        torch.testing.assert_close(model.get_submodule(layer)(inputs), exact.get_submodule(layer)(inputs))
        assert model.vision_model(pixels).last_hidden_state.dtype == torch.float32


@pytest.mark.parametrize("variant", ["lora", "rslora"])
def test_a_new_adapter_is_the_one_that_is_drawn_on_whole_weights(tiny_base, quantization, variant, lora_with):
    drawn = []
    for kind, dtype in (("none", torch.float32), (quantization, torch.bfloat16)):
        torch.manual_seed(3)
        adapted = lora.new_adapter(load_model(tiny_base, dtype, kind), lora_with(variant=variant))
        drawn.append({name: weight for name, weight in adapted.named_parameters() if weight.requires_grad})
    assert drawn[0].keys() == drawn[1].keys()
    for name, weight in drawn[1].items():
        assert weight.dtype == torch.float32 and torch.equal(weight, drawn[0][name]), name


def test_a_version_learns_on_a_quantized_base_and_goes_on(
    version, quantized_params, tiny_base, pairs, places
):
    folder = version.parent / "v2"
    train_version(quantized_params, "v2", tiny_base, version, pairs, places, folder)
    log = read_csv(folder / "log.csv")
    assert log["loss"].iloc[-1] < read_csv(version / "log.csv")["loss"].iloc[0]
    before, after = (load_file(each / "adapter_model.safetensors") for each in (version, folder))
    assert all(weight.dtype == torch.float32 for weight in after.values())
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_saved_adapter_is_loaded_bit_for_bit(version, tiny_base, quantization, tmp_path):
    adapted = lora.load_adapter(load_model(tiny_base, torch.bfloat16, quantization), version)
    lora.save_adapter(adapted, tmp_path)
    saved, again = (load_file(folder / "adapter_model.safetensors") for folder in (version, tmp_path))
    assert saved.keys() == again.keys()
    assert all(torch.equal(saved[name], again[name]) for name in saved)


def test_stock_peft_loads_it_onto_the_base_whole_and_quantized(version, tiny_base, quantization):
    base = BlipForQuestionAnswering.from_pretrained(tiny_base)
    config = quantization_config(base, quantization)
    small = BlipForQuestionAnswering.from_pretrained(tiny_base, quantization_config=config)
    saved = load_file(version / "adapter_model.safetensors")
    for model in (base, small):
        adapted = PeftModel.from_pretrained(model, version)
        own = {name: weight for name, weight in adapted.named_parameters() if "lora_" in name}
        assert len(own) == len(saved)
        for name, weight in own.items():
            assert torch.equal(weight, saved[name.replace(".default", "")]), name


def test_predictions_are_what_the_answerer_answers(version, quantized_params, tiny_base, pairs, places):
    found = predict(quantized_params, "v1", tiny_base, version, pairs, places).set_index("qa_id")
    assert found["log_probability"].notna().all()
    grounded = found["grounding"].dropna()
    assert len(grounded) and grounded.between(0, 1).all()
    answerer = Answerer(version, compute=quantized_params.compute)
    assert has_quantized_layers(answerer.model)
    for row in pairs.head(4).itertuples():
        place = places.set_index("image_id").loc[row.image_id]
        content = Path(place["archive"]).read_bytes()[place["offset"] :][: place["length"]]
        [answer] = answerer.ask(content, row.question)
        assert answer.answer == found.loc[row.qa_id, "prediction"]
        assert answer.log_probability == pytest.approx(found.loc[row.qa_id, "log_probability"], abs=1e-5)


def test_an_adapter_is_not_merged_into_quantized_weights(version, tiny_base, quantization):
    adapted = lora.load_adapter(load_model(tiny_base, torch.float32, quantization), version)
    with pytest.raises(ModelError, match="cannot be merged into quantized weights"):
        merge(adapted)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora.variant": "pissa"}, "lora.variant pissa takes the base's weights apart"),
        ({"compute.compile": True, "compute.arithmetic": "native"}, "set compute.compile to false"),
    ],
)
def test_what_cannot_be_trained_is_one_line(tiny_with, tiny_base, pairs, places, tmp_path, changes, said):
    params = tiny_with({"compute.quantization": "nf4"} | changes)
    with pytest.raises(ParameterError, match=said) as caught:
        train_version(params, "v1", tiny_base, None, pairs, places, tmp_path / "v1")
    assert "\n" not in str(caught.value) and not (tmp_path / "v1").exists()


def test_a_device_without_bitsandbytes_and_a_missing_package_are_named(tiny_with, monkeypatch):
    compute = tiny_with({"compute.quantization": "int8"}).compute
    with pytest.raises(ParameterError, match="does not run on meta"):
        check_quantization(compute, torch.device("meta"))
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vqatune\[quantization\]'"):
        check_quantization(compute, CPU)
