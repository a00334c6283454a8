"""The sizes of models with random weights, of the families that rank."""

import pytest

from vqatune.models.families.clip import untrained as clip
from vqatune.models.families.processors import make_word_pieces
from vqatune.models.families.siglip import untrained as siglip
from vqatune.models.families.vilt import untrained as vilt
from vqatune.params import TinyParams

TEXTS = ["What color is it?", "red"]
TINY = TinyParams(image_size=48, patch_size=16, hidden_size=40, layers=3, heads=5)


@pytest.mark.parametrize("family", [clip, siglip])
def test_both_towers_are_of_the_size_of_a_tiny_model(family):
    config = family.make_config(family.make_tokenizer(TEXTS, 600), TINY)
    for tower in (config.text_config, config.vision_config):
        assert (tower.hidden_size, tower.num_hidden_layers, tower.num_attention_heads) == (40, 3, 5)
    assert (config.vision_config.image_size, config.vision_config.patch_size) == (48, 16)


@pytest.mark.parametrize(
    ("family", "width", "patch", "context"), [(clip, 512, 32, 77), (siglip, 768, 16, 64)]
)
def test_without_a_size_it_is_the_published_architecture(family, width, patch, context):
    config = family.make_config(family.make_tokenizer(TEXTS, 600), None)
    text, vision = config.text_config, config.vision_config
    assert (text.hidden_size, text.num_hidden_layers, text.max_position_embeddings) == (width, 12, context)
    assert (vision.hidden_size, vision.image_size, vision.patch_size) == (768, 224, patch)
    assert text.vocab_size == {"clip": 49408, "siglip": 32000}[config.model_type]


def test_a_vilt_has_its_labels_in_any_size():
    tokenizer = make_word_pieces(TEXTS, 600)
    usual = vilt.make_config(tokenizer, None, ["red", "blue"])
    assert (usual.hidden_size, usual.image_size, usual.patch_size, usual.vocab_size) == (768, 384, 32, 30522)
    tiny = vilt.make_config(tokenizer, TINY, ["red", "blue"])
    assert (tiny.hidden_size, tiny.num_hidden_layers, tiny.image_size) == (40, 3, 48)
    assert usual.id2label == tiny.id2label == {0: "red", 1: "blue"}
