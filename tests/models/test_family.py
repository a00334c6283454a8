"""Which family a model or a checkpoint belongs to."""

import json
import shutil

import pytest

from vqatune.errors import ModelError
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.models.families import blip
from vqatune.models.family import FAMILIES, family_of, model_type


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
