import json
import os
import shutil
import subprocess
import sys
from typing import get_args

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import BlipForQuestionAnswering

from vqatune.errors import ModelError, ParameterError
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.params import TargetPreset

VARIANTS = ["lora", "rslora", "dora", "pissa"]
TIED_HEAD = "text_decoder.cls.predictions.decoder"


@pytest.fixture
def adapter(tiny_base, tiny_params, tmp_path):
    torch.manual_seed(0)
    model = lora.new_adapter(load_model(tiny_base), tiny_params.lora)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    lora.save_adapter(model, tmp_path / "v1")
    return tmp_path / "v1"


def test_stock_peft_loads_the_adapter_onto_the_stock_base(adapter, tiny_base):
    model = PeftModel.from_pretrained(BlipForQuestionAnswering.from_pretrained(tiny_base), adapter)
    ours = lora.load_adapter(load_model(tiny_base), adapter)
    for (name, stock), (_, own) in zip(model.named_parameters(), ours.named_parameters(), strict=True):
        assert torch.equal(stock, own), name


def test_the_head_that_shares_the_word_embeddings_is_never_tuned(tiny_base, tiny_params):
    model = lora.new_adapter(load_model(tiny_base), tiny_params.lora)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained
    assert not [name for name in trained if "embeddings" in name or "predictions.decoder" in name]


def test_the_configuration_is_written_in_the_same_order_by_every_process(adapter, tiny_base, tmp_path):
    script = (
        "import sys; from pathlib import Path; from vqatune.models import lora;"
        "from vqatune.models.checkpoint import load_model;"
        "lora.save_adapter(lora.load_adapter(load_model(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]))"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", script, tiny_base, adapter, tmp_path / seed],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
        )
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    targets = json.loads((tmp_path / "1" / "adapter_config.json").read_text())["target_modules"]
    assert targets == sorted(targets) and len(targets) > 1


def test_a_version_goes_on_from_the_last_with_something_to_train(adapter, tiny_base, tiny_params):
    model = lora.continue_adapter(load_model(tiny_base), adapter, tiny_params.lora)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained and all("lora_" in name for name in trained)
    assert len(model.peft_config) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("r", 4), ("alpha", 8), ("dropout", 0.5), ("target_modules", ["query"])]
)
def test_other_lora_parameters_than_the_last_version_had_are_refused(
    adapter, tiny_base, tiny_params, name, value
):
    params = tiny_params.lora.model_copy(update={name: value})
    with pytest.raises(ModelError, match=rf"was tuned with lora.{name} = .* but params.yaml says"):
        lora.continue_adapter(load_model(tiny_base), adapter, params)


def test_an_adapter_with_a_missing_weight_is_refused_by_name(adapter, tiny_base):
    weights = load_file(adapter / "adapter_model.safetensors")
    name = min(weights)
    del weights[name]
    save_file(weights, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=rf"lacks 1 key\(s\), such as {name}"):
        lora.load_adapter(load_model(tiny_base), adapter)


def test_a_weight_of_another_shape_a_cut_file_and_no_adapter_are_one_line_each(adapter, tiny_base, tmp_path):
    weights = load_file(adapter / "adapter_model.safetensors")
    name = min(weights)
    odd = shutil.copytree(adapter, tmp_path / "odd")
    save_file(weights | {name: torch.zeros(1, 1)}, odd / "adapter_model.safetensors")
    cut = shutil.copytree(adapter, tmp_path / "cut")
    (cut / "adapter_model.safetensors").write_bytes(b"short")
    for folder, said in ((odd, "does not fit"), (cut, "does not fit"), (tmp_path / "v9", "holds no adapter")):
        with pytest.raises(ModelError, match=said) as caught:
            lora.load_adapter(load_model(tiny_base), folder)
        assert "\n" not in str(caught.value)


def test_a_target_that_the_model_does_not_have_is_named(tiny_base, tiny_params):
    params = tiny_params.lora.model_copy(update={"target_modules": ["query", "q_proj"]})
    with pytest.raises(ParameterError, match="q_proj is no linear layer of this model; it has .*qkv"):
        lora.new_adapter(load_model(tiny_base), params)


@pytest.fixture
def logits():
    """What a model, with or without an adapter, says of fixed pictures and questions."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randn(2, 3, 32, 32, generator=generator)
    ids = torch.randint(5, 60, (2, 6), generator=generator)

    def ask(model) -> torch.Tensor:
        blip = model.get_base_model() if hasattr(model, "get_base_model") else model
        blip.eval()
        with torch.no_grad():
            images = blip.vision_model(pixels).last_hidden_state
            states = blip.text_encoder(ids, encoder_hidden_states=images).last_hidden_state
            return blip.text_decoder(ids, encoder_hidden_states=states).logits

    return ask


def _tuned(model: PeftModel, seed: int) -> PeftModel:
    """Move all that is trained by a little, as training does."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def _with(params, **changes):
    return params.model_copy(update={"dropout": 0.0, **changes})


@pytest.fixture(params=VARIANTS)
def variant_params(request, tiny_params):
    return _with(tiny_params.lora, variant=request.param, r=4)


def test_every_variant_starts_with_the_answers_of_the_base(variant_params, tiny_base, logits):
    model = lora.new_adapter(load_model(tiny_base), variant_params)
    torch.testing.assert_close(logits(model), logits(load_model(tiny_base)), rtol=0, atol=1e-5)


def test_every_variant_is_told_apart_by_what_peft_knows_of_it(tiny_base, tiny_params):
    made = {
        variant: lora.new_adapter(load_model(tiny_base), _with(tiny_params.lora, variant=variant))
        for variant in VARIANTS
    }
    layers = {
        name: model.get_base_model().vision_model.encoder.layers[0].self_attn.qkv
        for name, model in made.items()
    }
    assert [name for name, layer in layers.items() if "default" in layer.lora_magnitude_vector] == ["dora"]
    assert layers["rslora"].scaling["default"] == pytest.approx(32 / 8**0.5)
    assert layers["lora"].scaling["default"] == 32 / 8
    assert [name for name, layer in layers.items() if layer.lora_B["default"].weight.any()] == ["pissa"]


def test_every_variant_loads_with_nothing_but_peft_onto_the_base_as_it_is(
    variant_params, tiny_base, tmp_path, logits
):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    lora.save_adapter(tuned, tmp_path / "v1")
    stock = PeftModel.from_pretrained(BlipForQuestionAnswering.from_pretrained(tiny_base), tmp_path / "v1")
    expected = logits(tuned)
    assert (expected - logits(load_model(tiny_base))).abs().max() > 0.1
    torch.testing.assert_close(logits(stock), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        logits(lora.load_adapter(load_model(tiny_base), tmp_path / "v1")), logits(stock), rtol=0, atol=0
    )


def test_every_variant_goes_on_with_the_same_weights_to_the_last_bit(
    variant_params, tiny_base, tmp_path, logits
):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    for version in ("v1", "v2"):
        lora.save_adapter(tuned, tmp_path / version)
        continued = lora.continue_adapter(load_model(tiny_base), tmp_path / version, variant_params)
        before, after = dict(tuned.named_parameters()), dict(continued.named_parameters())
        assert before.keys() == after.keys()
        for name, weight in before.items():
            assert torch.equal(weight, after[name]), name
            assert weight.requires_grad == after[name].requires_grad, name
        assert torch.equal(logits(continued), logits(tuned))
        tuned = _tuned(continued, 2)


def test_every_variant_is_written_with_the_same_bytes(variant_params, tiny_base, tmp_path):
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), variant_params), 1)
    lora.save_adapter(tuned, tmp_path / "v1")
    again = lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", variant_params)
    lora.save_adapter(again, tmp_path / "again")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "v1" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_no_variant_is_continued_as_another(variant_params, tiny_base, tmp_path):
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), variant_params), tmp_path / "v1")
    # PiSSA is saved as LoRA of twice the rank and alpha, and must not be taken for that either.
    doubled = {"r": 2 * variant_params.r, "alpha": 2 * variant_params.alpha}
    for other in VARIANTS:
        for changes in ({}, doubled):
            params = _with(variant_params, variant=other, **changes)
            if params == variant_params:
                continue
            with pytest.raises(ModelError, match="was tuned with lora"):
                lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)


def test_the_next_versions_optimizer_finds_the_parameters_of_pissa_in_their_shapes(tiny_base, tiny_params):
    model = lora.new_adapter(load_model(tiny_base), _with(tiny_params.lora, variant="pissa", r=4))
    plain = lora.new_adapter(load_model(tiny_base), _with(tiny_params.lora, r=4))

    def trained(model) -> dict:
        return {name: weight.shape for name, weight in model.named_parameters() if weight.requires_grad}

    assert trained(model) == trained(plain)


def test_pissa_takes_the_largest_singular_parts_out_of_the_base(tiny_base, tiny_params):
    params = _with(tiny_params.lora, variant="pissa", r=4)
    before = load_model(tiny_base).text_encoder.encoder.layer[0].attention.self.query.weight
    model = lora.new_adapter(load_model(tiny_base), params).get_base_model()
    left = model.text_encoder.encoder.layer[0].attention.self.query.base_layer.weight
    expected = torch.linalg.svdvals(before)[params.r :]
    torch.testing.assert_close(torch.linalg.svdvals(left)[: len(expected)], expected, rtol=1e-4, atol=1e-5)


def test_pissa_of_a_rank_that_a_layer_does_not_have_is_refused(tiny_base, tiny_params):
    params = _with(tiny_params.lora, variant="pissa", r=33)
    with pytest.raises(ParameterError, match=r"lora.r is 33, but .* has 32: lower lora.r"):
        lora.new_adapter(load_model(tiny_base), params)


def _adapted(model) -> list[str]:
    marker = ".lora_A.default.weight"
    paths = [name for name, _ in model.named_parameters() if name.endswith(marker)]
    return [path.removeprefix("base_model.model.").removesuffix(marker) for path in paths]


def test_the_presets_of_the_parameters_are_those_that_stand_for_something():
    assert set(get_args(TargetPreset)) == set(lora.PRESETS)


@pytest.mark.parametrize("preset", get_args(TargetPreset))
def test_a_preset_adapts_what_it_says(preset, tiny_base, tiny_params):
    linear = [
        name
        for name, module in load_model(tiny_base).named_modules()
        if isinstance(module, torch.nn.Linear) and name != TIED_HEAD
    ]

    def ends(*names: str) -> list[str]:
        return [path for path in linear if path.endswith(names)]

    attention_out = [path for path in ends(".output.dense") if "attention." in path]
    expected = {
        "vision": ends(".qkv", ".projection"),
        "text_query_value": ends(".query", ".value"),
        "text_query_key_value": ends(".query", ".key", ".value"),
        "text_query_value_dense": ends(".query", ".value", ".dense"),
        "text_query_value_out": [
            path for path in linear if path in {*ends(".query", ".value"), *attention_out}
        ],
        "all_linear": linear,
    }[preset]
    model = lora.new_adapter(load_model(tiny_base), _with(tiny_params.lora, target_modules=preset))
    assert _adapted(model) == expected
    if preset == "text_query_value_out":
        # Two layers each in encoder and decoder, self- and cross-attention: query, value and dense.
        assert len(expected) == 2 * 2 * 2 * 3


def test_the_end_of_a_path_adapts_that_part_alone(tiny_base, tiny_params):
    params = _with(
        tiny_params.lora, target_modules=["text_encoder.encoder.layer.1.crossattention.self.query"]
    )
    model = lora.new_adapter(load_model(tiny_base), params)
    assert _adapted(model) == params.target_modules
    params = _with(tiny_params.lora, target_modules=["crossattention.self.query"])
    assert len(_adapted(lora.new_adapter(load_model(tiny_base), params))) == 4


@pytest.mark.parametrize(
    "name", ["selfattention.query", "attention.output", "1.crossattention.self.qkv", "uery"]
)
def test_the_end_of_a_path_that_matches_nothing_is_named(name, tiny_base, tiny_params):
    params = _with(tiny_params.lora, target_modules=["query", name])
    with pytest.raises(ParameterError, match=rf"target_modules: {name} is no linear layer of this model"):
        lora.new_adapter(load_model(tiny_base), params)


@pytest.mark.parametrize("name", ["decoder", "predictions.decoder", TIED_HEAD])
def test_the_output_head_is_refused_by_name_with_the_reason(name, tiny_base, tiny_params):
    params = _with(tiny_params.lora, target_modules=["query", name])
    with pytest.raises(ParameterError, match=rf"{name} is the output head .* the word embeddings"):
        lora.new_adapter(load_model(tiny_base), params)


def test_a_preset_and_the_names_it_stands_for_are_one_and_the_same(tiny_base, tiny_params, tmp_path):
    names = _with(tiny_params.lora, target_modules=["projection", "qkv"])
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), names), tmp_path / "v1")
    preset = _with(tiny_params.lora, target_modules="vision")
    assert lora.target_names(preset) == lora.target_names(names) == ["projection", "qkv"]
    assert lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", preset)
    with pytest.raises(ModelError, match=r"lora.target_modules = .*qkv.* but params.yaml says .*query"):
        other = _with(tiny_params.lora, target_modules="text_query_value")
        lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", other)


def test_a_long_list_of_paths_that_peft_shortens_is_continued(tiny_base, tiny_params, tmp_path):
    paths = [
        name
        for name, module in load_model(tiny_base).named_modules()
        if isinstance(module, torch.nn.Linear) and name.startswith("text_") and name != TIED_HEAD
    ]
    params = _with(tiny_params.lora, target_modules=paths)
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), params), tmp_path / "v1")
    assert lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_adapter_stays_float32_where_the_base_is_cast(variant, tiny_base, tiny_params, tmp_path, logits):
    params = _with(tiny_params.lora, variant=variant, r=4)
    tuned = _tuned(lora.new_adapter(load_model(tiny_base), params), 1)
    expected = logits(tuned)
    for parameter in tuned.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    lora.save_adapter(tuned, tmp_path / "v1")
    assert {tensor.dtype for tensor in load_file(tmp_path / "v1" / "adapter_model.safetensors").values()} == {
        torch.float32
    }
    again = lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)
    assert torch.equal(logits(again), expected)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("all_liner", "'all_liner' is no preset, which are vision, text_query_value"),
        ("all_liner", "did you mean all_linear?"),
        ("query", "one layer's name goes into a list"),
        ([], "must be a list of layers' names or one of vision"),
        ([1], "must be a list of layers' names or one of vision"),
        (None, "must be a list of layers' names or one of vision"),
    ],
)
def test_targets_that_are_neither_names_nor_a_preset_are_one_line(make_params, value, said):
    with pytest.raises(ParameterError, match=r"params.yaml: lora.target_modules: ") as caught:
        make_params({"lora.target_modules": value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
