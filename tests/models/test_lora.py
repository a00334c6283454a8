import json
import shutil
from typing import get_args

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import BlipForQuestionAnswering
from warm import RUN, Warm

from vqatune.errors import ModelError, ParameterError
from vqatune.models import lora
from vqatune.models.families.blip import load_model
from vqatune.models.family_lookup import FAMILIES, family_named
from vqatune.params import TargetPreset

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


@pytest.mark.slow
def test_the_configuration_is_written_in_the_same_order_by_every_process(
    adapter, tiny_base, tmp_path, warm_server
):
    script = tmp_path / "save.py"
    script.write_text(
        "import sys; from pathlib import Path; from vqatune.models import lora;"
        "from vqatune.models.families.blip import load_model;"
        "lora.save_adapter(lora.load_adapter(load_model(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]))"
    )
    command = [*RUN, str(script), str(tiny_base), str(adapter), str(tmp_path / "other")]
    assert Warm(warm_server, command).wait(120) == 0
    lora.save_adapter(lora.load_adapter(load_model(tiny_base), adapter), tmp_path / "own")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    targets = json.loads((tmp_path / "own" / "adapter_config.json").read_text())["target_modules"]
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


def _adapted(model) -> list[str]:
    marker = ".lora_A.default.weight"
    paths = [name for name, _ in model.named_parameters() if name.endswith(marker)]
    return [path.removeprefix("base_model.model.").removesuffix(marker) for path in paths]


def test_the_presets_of_the_parameters_are_those_that_stand_for_something():
    assert set(get_args(TargetPreset)) == {name for kind in FAMILIES for name in family_named(kind).PRESETS}


@pytest.mark.parametrize("preset", get_args(TargetPreset))
def test_a_preset_adapts_what_it_says(preset, tiny_base, lora_with):
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
    model = lora.new_adapter(load_model(tiny_base), lora_with(target_modules=preset))
    assert _adapted(model) == expected
    if preset == "text_query_value_out":
        # Two layers each in encoder and decoder, self- and cross-attention: query, value and dense.
        assert len(expected) == 2 * 2 * 2 * 3


def test_the_end_of_a_path_adapts_that_part_alone(tiny_base, lora_with):
    params = lora_with(target_modules=["text_encoder.encoder.layer.1.crossattention.self.query"])
    model = lora.new_adapter(load_model(tiny_base), params)
    assert _adapted(model) == params.target_modules
    params = lora_with(target_modules=["crossattention.self.query"])
    assert len(_adapted(lora.new_adapter(load_model(tiny_base), params))) == 4


@pytest.mark.parametrize(
    "name", ["selfattention.query", "attention.output", "1.crossattention.self.qkv", "uery"]
)
def test_the_end_of_a_path_that_matches_nothing_is_named(name, tiny_base, lora_with):
    params = lora_with(target_modules=["query", name])
    with pytest.raises(ParameterError, match=rf"target_modules: {name} is no linear layer of this model"):
        lora.new_adapter(load_model(tiny_base), params)


@pytest.mark.parametrize("name", ["decoder", "predictions.decoder", TIED_HEAD])
def test_the_output_head_is_refused_by_name_with_the_reason(name, tiny_base, lora_with):
    params = lora_with(target_modules=["query", name])
    with pytest.raises(ParameterError, match=rf"{name} is the output head .* the word embeddings"):
        lora.new_adapter(load_model(tiny_base), params)


def test_a_preset_and_the_names_it_stands_for_are_one_and_the_same(tiny_base, lora_with, tmp_path):
    names = lora_with(target_modules=["projection", "qkv"])
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), names), tmp_path / "v1")
    preset = lora_with(target_modules="vision")
    model = load_model(tiny_base)
    assert lora.target_names(model, preset) == lora.target_names(model, names) == ["projection", "qkv"]
    assert lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", preset)
    with pytest.raises(ModelError, match=r"lora.target_modules = .*qkv.* but params.yaml says .*query"):
        other = lora_with(target_modules="text_query_value")
        lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", other)


def test_a_long_list_of_paths_that_peft_shortens_is_continued(tiny_base, lora_with, tmp_path):
    paths = [
        name
        for name, module in load_model(tiny_base).named_modules()
        if isinstance(module, torch.nn.Linear) and name.startswith("text_") and name != TIED_HEAD
    ]
    params = lora_with(target_modules=paths)
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), params), tmp_path / "v1")
    assert lora.continue_adapter(load_model(tiny_base), tmp_path / "v1", params)


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
