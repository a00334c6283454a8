"""Model folders of strangers: what is refused, in one line, at once and without the network, and what is loaded."""

import json
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftConfig, get_peft_model
from PIL import Image
from tiny_families import tiny_model
from transformers import BlipForQuestionAnswering, PreTrainedModel

from vqatune.errors import ModelError
from vqatune.inference.answering.answerer import Answerer
from vqatune.models import lora
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.folder_files.adapter import read_adapter
from vqatune.models.folder_files.config import read_config
from vqatune.models.folder_files.processor import read_processor

SECONDS = 20
"""For ever, to a test."""
HANGS = r"(\w|\.|\w\.)+!"
"""A regular expression that no layer's name is matched to in a lifetime."""
KERNELS = "kernels-community/flash-attn"


@pytest.fixture(scope="module")
def blip(tiny_base, lora_with, tmp_path_factory) -> Path:
    """A folder with a base and a version; not to be written to."""
    folder = tmp_path_factory.mktemp("blip")
    shutil.copytree(tiny_base, folder / "base")
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), lora_with(r=4)), folder / "v1")
    encoder = load_encoder(tiny_base)
    encoder.family.save_processor(encoder.processor, folder / "v1")
    return folder


@pytest.fixture(scope="module")
def llava(tmp_path_factory) -> Path:
    """As `blip`, without a version."""
    folder = tmp_path_factory.mktemp("llava")
    model, encoder = tiny_model("llava")
    (folder / "base").mkdir()
    encoder.family.save_checkpoint(model, encoder.processor, folder / "base", "[ENC]")
    return folder


@pytest.fixture(autouse=True)
def at_once_and_offline(monkeypatch) -> Iterator[None]:
    """Fail a test that takes for ever, or looks anything up."""
    looked_up = []

    def connect(*arguments: object) -> None:
        looked_up.append(arguments)
        raise OSError("a test has no network")

    def stop(*_: object) -> None:
        raise AssertionError("it does not end")

    monkeypatch.setattr(socket, "getaddrinfo", connect)
    monkeypatch.setattr(socket.socket, "connect", connect)
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not looked_up


Edit = Callable[[Path], None]


def _put(path: str, value: object) -> Edit:
    """Set a value in a file, by its place, such as text_config.hidden_size."""

    def edit(file: Path) -> None:
        values = json.loads(file.read_text())
        *places, name = path.split(".")
        inner = values
        for place in places:
            inner = inner[place]
        inner[name] = value
        file.write_text(json.dumps(values))

    return edit


def _write(content: str | bytes) -> Edit:
    return lambda file: file.write_bytes(content.encode() if isinstance(content, str) else content) and None


def _grow(file: Path) -> None:
    # Sparse, so that it takes no time to write.
    with file.open("ab") as opened:
        opened.truncate(200 * 10**6)


def _normalizer(*parts: dict) -> Edit:
    return _put("normalizer", {"type": "Sequence", "normalizers": list(parts)})


DEEP = _write('{"a":' * 100_000 + "1" + "}" * 100_000)
ADAPTER, CONFIG, PROCESSOR = "v1/adapter_config.json", "base/config.json", "base/processor_config.json"
SETTINGS, TOKENIZER = "base/tokenizer_config.json", "base/tokenizer.json"
REFUSED: list[tuple[str, Edit, str]] = [
    *(
        (ADAPTER, _put("target_modules", value), "target_modules = .* no regular")
        for value in (HANGS, ".*query")
    ),
    (ADAPTER, _put("target_modules", ["query", HANGS]), "target_modules = .* no regular"),
    (ADAPTER, _put("target_modules", []), "target_modules"),
    (ADAPTER, _put("target_modules", [0] * 10**6), "target_modules with 1,000,000 entries"),
    (ADAPTER, _put("exclude_modules", HANGS), "exclude_modules = .* no regular"),
    (ADAPTER, _put("rank_pattern", {HANGS: 4}), "rank_pattern = .* layers by name"),
    (ADAPTER, _put("rank_pattern", {"query": 10**9}), "rank_pattern"),
    (ADAPTER, _put("rank_pattern", {"query": 5}), "says rank 5, and that of its weights is 4 at most"),
    (ADAPTER, _put("alpha_pattern", {HANGS: 4}), "alpha_pattern = .* layers by name"),
    (ADAPTER, _put("modules_to_save", [HANGS]), "modules_to_save"),
    (ADAPTER, _put("modules_to_save", [""]), "modules_to_save"),
    (ADAPTER, _put("layers_pattern", HANGS), "layers_pattern"),
    (ADAPTER, _put("peft_type", "XLORA"), "peft_type = 'XLORA': only adapters of peft's type LORA"),
    (ADAPTER, _put("peft_type", "PROMPT_TUNING"), "peft_type"),
    (ADAPTER, _put("peft_type", ["LORA"]), "peft_type"),
    (ADAPTER, _put("r", 10**9), "r = 1000000000: it should be less than or equal to 65536"),
    (ADAPTER, _put("r", 60_000), "says rank 60,000"),
    (ADAPTER, _put("r", "8"), "r = '8'"),
    (ADAPTER, _put("lora_alpha", float("nan")), "lora_alpha"),
    (ADAPTER, _put("megatron_config", {"a": 1}), "megatron_config = .* variant of LoRA"),
    (ADAPTER, _put("layer_replication", [[0, 10**6]]), "layer_replication"),
    (ADAPTER, _put("alora_invocation_tokens", [1]), "alora_invocation_tokens"),
    (ADAPTER, _put("init_lora_weights", "pissa_niter_1000000"), "init_lora_weights"),
    (ADAPTER, _put("trainable_token_indices", [1]), "trainable_token_indices"),
    (ADAPTER, _put("base_model_name_or_path", 5), "base_model_name_or_path"),
    (ADAPTER, DEEP, "adapter_config.json has more than 64 lists"),
    (ADAPTER, _grow, "adapter_config.json has 200 MB, and such a file has 8 MB at most"),
    (ADAPTER, _write("[]"), "holds \\[\\], and not names with their values"),
    (ADAPTER, _write(b'{"r":"\xff"}'), "is no JSON"),
    (ADAPTER, _write('{"r":' + "9" * 5000 + "}"), "is no JSON"),
    *(
        (CONFIG, _put("quantization_config", {"quant_method": name}), "quantized already")
        for name in ("gptq", "zz")
    ),
    (CONFIG, _put("text_config.hidden_act", "foo"), "text_config.hidden_act = 'foo'"),
    (CONFIG, _put("vision_config.patch_size", 0), "vision_config.patch_size = 0"),
    (CONFIG, _put("vision_config.image_size", 100_000), "image_size = 100000"),
    (CONFIG, _put("text_config.num_hidden_layers", 10**9), "num_hidden_layers"),
    (CONFIG, _put("text_config.max_position_embeddings", 10**10), "max_position_embeddings"),
    (CONFIG, _put("text_config.num_attention_heads", 3), "32 features are no multiple of it"),
    (CONFIG, _put("text_config.hidden_size", "32"), "hidden_size"),
    (CONFIG, _put("text_config.layer_norm_eps", float("nan")), "layer_norm_eps"),
    (CONFIG, _put("dtype", "load"), "dtype = 'load'"),
    (CONFIG, _put("to_dict", 5), "to_dict = 5: it is the name of a function"),
    (CONFIG, _put("transformers_weights", "../x.safetensors"), "transformers_weights"),
    (CONFIG, _put("configuration_files", ["config.5.0.0.json"]), "configuration_files"),
    (CONFIG, DEEP, "config.json has more than 64 lists"),
    (CONFIG, _grow, "config.json has 200 MB"),
    (CONFIG, _write("null"), "config.json holds None"),
    ("base/generation_config.json", DEEP, "generation_config.json has more than"),
    ("base/adapter_config.json", _write("{}"), "adapter_config.json beside config.json"),
    (PROCESSOR, _put("image_processor.size", 100_000), "image_processor.size = 100000"),
    (PROCESSOR, _put("image_processor.max_image_size", {"longest_edge": 1}), "16 tiles at most"),
    (PROCESSOR, _put("image_processor.size", {"height": 0, "width": 32}), "size"),
    (PROCESSOR, _put("image_processor.size", {"shortest_edge": 32, "__class__": 1}), "size"),
    (PROCESSOR, _put("image_processor.image_std", [0, 0, 0]), "image_std"),
    (PROCESSOR, _put("image_processor.image_mean", "a"), "image_mean"),
    (PROCESSOR, _put("image_processor.rescale_factor", float("inf")), "rescale_factor"),
    (PROCESSOR, _put("image_processor.preprocess", 5), "preprocess = 5: it is the name of a function"),
    (
        PROCESSOR,
        _put("image_processor.image_mean", [0.5]),
        "has a processor that does not work: mean must have 3",
    ),
    (PROCESSOR, DEEP, "processor_config.json has more than"),
    (PROCESSOR, _grow, "processor_config.json has 200 MB"),
    (SETTINGS, _put("model_max_length", -1), "model_max_length"),
    (SETTINGS, _put("tokenizer_class", 5), "tokenizer_class"),
    (SETTINGS, _put("fast_tokenizer_files", ["tokenizer.5.0.0.json"]), "fast_tokenizer_files"),
    (SETTINGS, _put("additional_special_tokens", [5] * 10**6), "1,000,000 entries"),
    (SETTINGS, _put("added_tokens_decoder", {"0": 5}), "added_tokens_decoder"),
    (SETTINGS, DEEP, "tokenizer_config.json has more than"),
    (TOKENIZER, _put("padding", {"strategy": {"Fixed": 10**9}}), "padding.strategy"),
    (TOKENIZER, _put("normalizer", {"type": "Prepend", "prepend": "x" * 10**7}), "as long"),
    (
        TOKENIZER,
        _normalizer(*[{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 300}] * 5),
        "makes a text up to .* times as long",
    ),
    # Which would end the process: there are no 4 GB.
    (
        TOKENIZER,
        _put("normalizer", {"type": "Precompiled", "precompiled_charsmap": "/////w=="}),
        "precompiled_charsmap = .*: it is damaged",
    ),
    (TOKENIZER, _put("model.type", "zz"), "cannot be loaded as a BLIP processor"),
    (TOKENIZER, DEEP, "tokenizer.json has more than"),
    (TOKENIZER, _grow, "tokenizer.json has 200 MB, and such a file has 67 MB at most"),
]
"""A file, what a stranger wrote into it, and what is said of that."""


def _copy(folder: Path, target: Path) -> Path:
    # Only what is changed is copied.
    for path in folder.rglob("*"):
        if path.is_file():
            (target / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copyfile if path.suffix == ".json" else (lambda one, two: two.symlink_to(one))
            copy(path, target / path.relative_to(folder))
    return target


@pytest.mark.parametrize(("file", "edit", "said"), REFUSED)
def test_a_folder_of_a_stranger_is_refused_in_one_line(blip, tmp_path, file, edit, said):
    folder = _copy(blip, tmp_path)
    edit(folder / file)
    with pytest.raises(ModelError, match=said) as caught:
        Answerer(folder / file.split("/")[0] if file != "base/adapter_config.json" else folder / "v1")
    assert (
        "\n" not in str(caught.value) and str(tmp_path) in str(caught.value) and len(str(caught.value)) < 700
    )


@pytest.mark.parametrize(
    ("file", "place", "value", "said"),
    [
        (CONFIG, "text_config.model_type", "mamba", "text_config.model_type = 'mamba': it is none of"),
        (CONFIG, "vision_config.model_type", "timm_wrapper", "vision_config.model_type = 'timm_wrapper'"),
        (CONFIG, "text_config.rope_parameters", {"rope_type": "dynamic", "factor": 1e30}, "factor = 1e"),
        # Of which transformers would make a model of seven billion weights.
        (CONFIG, "text_config", None, "describes a model of 6,[0-9,]* weights, and its files hold"),
        (CONFIG, "text_config.num_hidden_layers", 500, "describes a model of"),
        (CONFIG, "text_config.num_key_value_heads", 3, "4 heads are no multiple of it"),
        (CONFIG, "text_config.quantization_config", {"quant_method": "awq"}, "quantized already"),
        # Known only when it computes.
        (
            CONFIG,
            "vision_feature_layer",
            [8],
            "cannot compute images with what its files say: tuple index",
        ),
        (
            CONFIG,
            "text_config.return_dict",
            False,
            "cannot compute answers with what its files say",
        ),
        # tokenizers panics where Oniguruma gives up.
        (
            TOKENIZER,
            "pre_tokenizer",
            {"type": "Split", "pattern": {"Regex": "([a-z ?]+)+!"}, "behavior": "Isolated", "invert": False},
            "has a processor that does not work: Onig: Regex search error: retry-limit-in-match over",
        ),
    ],
)
def test_a_model_of_several_models_is_refused_in_one_line(llava, tmp_path, file, place, value, said):
    folder = _copy(llava, tmp_path)
    _put(place, value)(folder / file)
    with pytest.raises(ModelError, match=said) as caught:
        Answerer(folder / "base").ask(Image.new("RGB", (40, 30)), "what?")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("value", [KERNELS, "flash_attention_2", {"text_config": KERNELS}])
def test_attention_is_computed_by_code_that_is_here_whatever_a_configuration_names(llava, tmp_path, value):
    folder = _copy(llava, tmp_path)
    for place in ("", "text_config.", "vision_config."):
        for name in ("attn_implementation", "_attn_implementation", "experts_implementation"):
            _put(place + name, value)(folder / CONFIG)
    model, usual = load_model(folder / "base"), load_model(llava / "base")
    for one, other in zip(model.modules(), usual.modules(), strict=True):
        if hasattr(other, "config"):
            assert one.config._attn_implementation == other.config._attn_implementation


@pytest.mark.parametrize(
    "changes",
    [
        {"target_modules": ["query", "value"], "use_rslora": True, "rank_pattern": {"query": 2}},
        {"target_modules": "all-linear", "use_dora": True, "alpha_pattern": {"query": 3}},
        {"target_modules": ["qkv"], "layers_to_transform": [0], "layers_pattern": "layers"},
        {"target_modules": ["query", "key"], "exclude_modules": ["key"], "modules_to_save": ["projection"]},
        {"target_modules": ["query"], "init_lora_weights": "gaussian", "lora_alpha": 0.5},
    ],
)
def test_adapters_of_lists_that_peft_saves_are_loaded(tiny_base, tmp_path, changes):
    stock = BlipForQuestionAnswering.from_pretrained(tiny_base)
    torch.manual_seed(0)
    made = get_peft_model(stock, LoraConfig(r=4, **changes))
    made.save_pretrained(tmp_path)
    loaded = lora.load_adapter(load_model(tiny_base), tmp_path)
    for (name, weight), (_, expected) in zip(loaded.named_parameters(), made.named_parameters(), strict=True):
        assert torch.equal(weight, expected), name


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa"])
def test_an_adapter_of_vqatune_is_read_as_peft_reads_it(tiny_base, lora_with, tmp_path, variant):
    lora.save_adapter(lora.new_adapter(load_model(tiny_base), lora_with(r=4, variant=variant)), tmp_path)
    read, expected = LoraConfig(**read_adapter(tmp_path)), PeftConfig.from_pretrained(tmp_path)
    assert read.to_dict() == expected.to_dict()
    assert (
        lora.load_adapter(load_model(tiny_base), tmp_path).peft_config["default"].to_dict()
        == expected.to_dict()
    )


@pytest.mark.parametrize("kind", ["blip-2 t5", "llava", "qwen2_5_vl"])
def test_a_processor_that_is_tried_is_written_as_it_was(tmp_path, kind):
    model, encoder = tiny_model(kind)
    processor = encoder.family.save_processor(encoder.processor, tmp_path / "one")
    encoder.family.save_processor(
        load_encoder(_with_config(model, tmp_path / "one")).processor, tmp_path / "two"
    )
    encoder.family.save_processor(processor, tmp_path / "three")
    for path in (tmp_path / "three").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def _with_config(model: PreTrainedModel, folder: Path) -> Path:
    model.config.save_pretrained(folder)
    return folder


PUBLISHED: dict[str, dict[str, Any]] = {
    "llava-1.5": {
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": 32000,
        "model_type": "llava",
        "pad_token_id": 32001,
        "projector_hidden_act": "gelu",
        "text_config": {
            "_name_or_path": "lmsys/vicuna-7b-v1.5",
            "max_position_embeddings": 4096,
            "model_type": "llama",
            "rms_norm_eps": 1e-05,
            "torch_dtype": "float16",
            "vocab_size": 32064,
        },
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "vision_config": {
            "hidden_size": 1024,
            "image_size": 336,
            "intermediate_size": 4096,
            "model_type": "clip_vision_model",
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
            "patch_size": 14,
            "projection_dim": 768,
            "vocab_size": 32000,
        },
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    },
    "smolvlm": {
        "model_type": "idefics3",
        "image_seq_len": 64,
        "scale_factor": 4,
        "text_config": {
            "_flash_attn_2_enabled": True,
            "_name_or_path": "None",
            "architectures": ["VLlama3ForCausalLM"],
            "head_dim": 64,
            "hidden_size": 576,
            "is_llama_config": True,
            "model_type": "llama",
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "perceiver_config": {"hidden_act": "silu", "model_type": "vllama3", "resampler_n_latents": 64},
            "qk_layer_norms": False,
            "rope_scaling": None,
            "rope_theta": 100000,
            "torch_dtype": "bfloat16",
            "use_resampler": False,
        },
        "use_cache": False,
        "vision_config": {
            "max_image_size": {"longest_edge": 512},
            "model_type": "idefics3",
            "patch_size": 16,
            "size": {"longest_edge": 2048},
            "use_base_siglip": False,
        },
    },
    "qwen2.5-vl": {
        "bos_token_id": 151643,
        "hidden_act": "silu",
        "hidden_size": 2048,
        "max_position_embeddings": 128000,
        "model_type": "qwen2_5_vl",
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06,
        "rope_scaling": {"mrope_section": [16, 24, 24], "type": "mrope"},
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "vision_config": {
            "depth": 32,
            "fullatt_block_indexes": [7, 15, 23, 31],
            "hidden_act": "silu",
            "hidden_size": 1280,
            "in_chans": 3,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "patch_size": 14,
            "spatial_patch_size": 14,
            "tokens_per_second": 2,
            "window_size": 112,
        },
        "vocab_size": 151936,
    },
    "blip-2": {
        "architectures": ["Blip2ForConditionalGeneration"],
        "initializer_factor": 1.0,
        "model_type": "blip-2",
        "num_query_tokens": 32,
        "qformer_config": {
            "bad_words_ids": None,
            "cross_attention_frequency": 2,
            "encoder_hidden_size": 1408,
            "hidden_act": "gelu",
            "model_type": "blip_2_qformer",
            "pruned_heads": {},
            "task_specific_params": None,
            "torch_dtype": None,
            "use_bfloat16": False,
            "vocab_size": 30522,
        },
        "text_config": {
            "activation_function": "relu",
            "ffn_dim": 10240,
            "hidden_size": 2560,
            "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
            "label2id": {"LABEL_0": 0, "LABEL_1": 1},
            "model_type": "opt",
            "num_attention_heads": 32,
            "prefix": "</s>",
            "temperature": 1.0,
            "word_embed_proj_dim": 2560,
        },
        "vision_config": {
            "hidden_size": 1408,
            "intermediate_size": 6144,
            "layer_norm_eps": 1e-06,
            "model_type": "blip_2_vision_model",
            "num_attention_heads": 16,
            "num_hidden_layers": 39,
            "patch_size": 14,
        },
    },
}
"""Of config.json of published checkpoints, what their kinds say otherwise than others, or say that no model reads."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_configurations_of_published_checkpoints_are_accepted(tmp_path, name):
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED[name]))
    assert read_config(tmp_path / "config.json") == PUBLISHED[name]


@pytest.mark.parametrize(
    "values",
    [
        {"size": 224, "crop_size": 224, "resample": 3, "feature_extractor_type": "CLIPFeatureExtractor"},
        {
            "size": {"height": 384, "width": 384},
            "size_divisor": 32,
            "do_pad": True,
            "processor_class": "BlipProcessor",
        },
        {
            "_valid_processor_keys": ["images"],
            "crop_size": {"height": 336, "width": 336},
            "image_std": [0.2, 0.3, 0.3],
        },
        {"max_image_size": {"longest_edge": 364}, "size": {"longest_edge": 1456}, "do_image_splitting": True},
    ],
)
def test_settings_of_published_processors_are_accepted(tmp_path, values):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    assert read_processor(tmp_path / "preprocessor_config.json") == values
