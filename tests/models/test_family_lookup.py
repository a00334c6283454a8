"""Which family a model or a checkpoint belongs to."""

import json
import shutil

import pytest
from tiny_families import tiny_model

from vqatune.errors import ModelError
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.families import blip
from vqatune.models.family_lookup import FAMILIES, family_of, model_type


def test_the_family_is_that_of_the_configuration(tiny_base):
    assert model_type(tiny_base) == "blip"
    assert family_of(load_model(tiny_base)) is blip


def test_an_adapter_says_it_by_its_processor(tiny_base, tmp_path):
    encoder = load_encoder(tiny_base)
    encoder.family.save_processor(encoder.processor, tmp_path)
    assert load_encoder(tmp_path).model_type == "blip"


def test_a_model_of_no_known_family_is_one_line_that_lists_what_is_known(tiny_base, tmp_path):
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "florence2"}))
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    assert str(caught.value) == (
        f"{folder}: a model of type 'florence2' is of no family that is known: choose one of {', '.join(FAMILIES)}"
    )


@pytest.mark.parametrize("text", [None, "{", "{}", '{"processor_class": "OtherProcessor"}'])
def test_a_folder_that_does_not_say_what_it_is_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "processor_config.json").write_text(text)
    with pytest.raises(
        ModelError, match="neither config.json nor processor_config.json says what model it is"
    ) as caught:
        load_encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path):
    with pytest.raises(ModelError, match="base does not exist: run the stage that makes it"):
        model_type(tmp_path / "base")


def test_a_checkpoint_without_its_configuration_is_one_line_and_is_not_loaded(tmp_path):
    model, encoder = tiny_model("idefics3")
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "base", "[ENC]")
    (tmp_path / "base" / "config.json").unlink()
    for source in (tmp_path / "base", str(tmp_path / "base")):
        with pytest.raises(ModelError, match=r"it lacks config\.json: get it again"):
            load_model(source)
    assert load_encoder(tmp_path / "base").model_type == "idefics3"


@pytest.mark.parametrize("kind", ["llava", "idefics3", "qwen2_5_vl", "blip-2", "blip-2 t5"])
@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["text_config"].update(hidden_size="32", d_model="32"),
        lambda config: config.update(vision_config=[1]),
        lambda config: config.update(model_type=["llava"]),
    ],
)
def test_a_damaged_configuration_is_one_line(kind, change, tmp_path):
    model, encoder = tiny_model(kind)
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "base", "[ENC]")
    path = tmp_path / "base" / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "base")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("kind", ["llava", "blip-2", "blip-2 t5"])
def test_a_language_model_that_is_not_known_is_one_line(kind, tmp_path):
    model, encoder = tiny_model(kind)
    encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "base", "[ENC]")
    path = tmp_path / "base" / "config.json"
    config = json.loads(path.read_text())
    config["text_config"]["model_type"] = "unheard of"
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "base")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
