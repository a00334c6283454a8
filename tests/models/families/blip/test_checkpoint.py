import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from stored_checkpoints import store
from transformers import BertTokenizer, BlipForQuestionAnswering, BlipProcessor

from vqatune.base_model.base import make_base
from vqatune.errors import ModelError, ParameterError
from vqatune.models.checkpoint import fingerprint
from vqatune.models.encoder import load_encoder
from vqatune.models.families.blip import (
    load_model,
    load_processor,
    make_config,
    make_tokenizer,
    save_processor,
)


def test_stock_transformers_loads_the_base_and_asks_as_it_was_taught(tiny_base):
    model = BlipForQuestionAnswering.from_pretrained(tiny_base)
    tokenizer = BlipProcessor.from_pretrained(tiny_base).tokenizer
    ids = tokenizer("What color is it?").input_ids
    assert tokenizer.convert_ids_to_tokens(ids)[0] == "[ENC]"
    assert tokenizer.convert_ids_to_tokens(ids)[-1] == "[SEP]"
    assert tokenizer.convert_ids_to_tokens(model.decoder_start_token_id) == "[DEC]"


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(tiny_base, tiny_params, tmp_path):
    texts = ["what color is it?", "red", "how many stars are there?", "3", "is it striped?", "yes"]
    for name, params in (("again", tiny_params), ("other", tiny_params.model_copy(update={"seed": 99}))):
        make_base(params, texts[::-1], tmp_path / name)
    assert fingerprint(tmp_path / "again") == fingerprint(tiny_base)
    assert fingerprint(tmp_path / "other") != fingerprint(tiny_base)
    for path in tiny_base.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_offline_a_processor_is_written_with_the_same_bytes(tiny_base, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    save_processor(load_processor(tiny_base), tmp_path / "offline")
    for path in (tmp_path / "offline").iterdir():
        assert path.read_bytes() == (tiny_base / path.name).read_bytes(), path.name


def test_a_checkpoint_with_a_missing_weight_is_refused_by_name(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    del weights["vision_model.post_layernorm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"missing keys: vision_model.post_layernorm.weight"):
        load_model(folder)


@pytest.mark.parametrize("damage", ["cut", "no weights", "no folder", "config"])
def test_a_damaged_or_absent_checkpoint_is_one_line(tiny_base, tmp_path, damage):
    folder = tmp_path / "base"
    if damage != "no folder":
        shutil.copytree(tiny_base, folder)
    if damage == "cut":
        weights = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    if damage == "no weights":
        (folder / "model.safetensors").unlink()
    if damage == "config":
        (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded as a BlipForQuestionAnswering") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_never_read(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(folder)


@pytest.fixture
def hub_checkpoint(tiny_params, tmp_path):
    """A checkpoint as the hub has it: weights with places for [DEC] and [ENC], a tokenizer without them."""
    tokenizer = make_tokenizer(["what color is it?", "red"], 200)
    BlipForQuestionAnswering(make_config(tokenizer, tiny_params.model.tiny)).save_pretrained(tmp_path / "hub")
    vocabulary = {
        token: place for token, place in tokenizer.get_vocab().items() if token not in ("[DEC]", "[ENC]")
    }
    bare = BertTokenizer(vocab=dict(sorted(vocabulary.items(), key=lambda entry: entry[1])))
    images = load_processor_images(tiny_params.model.tiny.image_size)
    BlipProcessor(images, bare).save_pretrained(tmp_path / "hub")
    return tmp_path / "hub"


def load_processor_images(size: int):
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    return BlipImageProcessorPil(size={"height": size, "width": size})


@pytest.mark.parametrize("first", ["[ENC]", "[CLS]"])
def test_a_hub_checkpoint_gets_the_tokens_of_blips_own_training(hub_checkpoint, make_params, tmp_path, first):
    params = make_params(
        {"model.source": "hub", "model.name": str(hub_checkpoint), "model.question_token": first}
    )
    make_base(params, [], tmp_path / "base")
    tokenizer, model = load_processor(tmp_path / "base").tokenizer, load_model(tmp_path / "base")
    assert tokenizer.convert_ids_to_tokens(tokenizer("red").input_ids) == [first, "red", "[SEP]"]
    assert tokenizer.convert_tokens_to_ids("[DEC]") == model.config.text_config.bos_token_id
    assert tokenizer.convert_tokens_to_ids("[ENC]") == model.config.text_config.bos_token_id + 1
    before = load_file(hub_checkpoint / "model.safetensors")
    after = load_file(tmp_path / "base" / "model.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_hub_checkpoint_stays_in_the_dtype_that_it_is_stored_in(
    dtype, hub_checkpoint, make_params, tmp_path
):
    stored = store(hub_checkpoint, tmp_path / "stored", dtype)
    # A configuration may say something else, and so does that of many a checkpoint.
    config = json.loads((stored / "config.json").read_text())
    (stored / "config.json").write_text(json.dumps(config | {"dtype": "float32"}))
    make_base(make_params({"model.source": "hub", "model.name": str(stored)}), [], tmp_path / "base")
    before, after = (load_file(folder / "model.safetensors") for folder in (stored, tmp_path / "base"))
    assert before.keys() == after.keys()
    for name, weight in after.items():
        assert weight.dtype == dtype and torch.equal(weight, before[name]), name
    assert {weight.dtype for weight in load_model(tmp_path / "base").parameters()} == {torch.float32}


def test_a_hub_checkpoint_of_another_kind_is_refused(hub_checkpoint, make_params, tmp_path):
    config = json.loads((hub_checkpoint / "config.json").read_text())
    config["text_config"]["bos_token_id"] = 7
    (hub_checkpoint / "config.json").write_text(json.dumps(config))
    params = make_params({"model.source": "hub", "model.name": str(hub_checkpoint)})
    with pytest.raises(ModelError, match=r"the tokenizer's \[DEC\] is .* the model's 7"):
        make_base(params, [], tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_hub_name_needs_a_revision(make_params, tmp_path):
    params = make_params({"model.source": "hub", "model.revision": None})
    with pytest.raises(ParameterError, match="model.revision must pin"):
        make_base(params, [], tmp_path / "base")


def test_random_makes_the_architecture_of_blip_vqa_base():
    config = make_config(make_tokenizer(["red"], 100), None)
    with torch.device("meta"):
        model = BlipForQuestionAnswering(config)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert round(millions) == 361
    assert config.vision_config.image_size == 384


def test_a_special_token_that_is_written_in_a_text_is_words(tiny_base):
    encoder = load_encoder(tiny_base)
    special = set(encoder.processor.tokenizer.all_special_ids)
    [usual], [usual_answer] = encoder.questions(["what is red?"]), encoder.answers(["red"])
    for token in ("[SEP]", "[DEC]", "[ENC]", "[PAD]"):
        [asked], [answer] = encoder.questions([f"what is {token} red?"]), encoder.answers([f"red {token}"])
        for found, expected in ((asked, usual), (answer, usual_answer)):
            unknown = encoder.processor.tokenizer.unk_token_id
            own = [number for number in found if number in special - {unknown}]
            assert own == [number for number in expected if number in special], token
