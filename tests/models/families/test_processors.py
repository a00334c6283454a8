"""Pictures and prompts as transformers' own processors make them: here, and with torchvision (golden files)."""

import json
from pathlib import Path

import pytest
import torch
from golden_pictures import QUESTION, SIZES, draw_pictures, sample
from PIL import Image
from tiny_families import STOCK, prompt_ids, tiny_model

from vqatune.errors import ImageError, ModelError
from vqatune.models.encoder import Encoder, load_encoder

GOLDEN = Path(__file__).parent / "golden"
TENSOR = {"llava": "pixel_values", "blip-2": "pixel_values", "idefics3": "tiles", "qwen2": "patches"}
NOT_SAID = {
    "llava": ("patch_size", "processor_config.json has no patch_size"),
    "blip-2": ("num_query_tokens", "processor_config.json has no num_query_tokens"),
    "blip-2 t5": ("num_query_tokens", "processor_config.json has no num_query_tokens"),
    "idefics3": ("image_seq_len", "processor_config.json has no image_seq_len"),
    "qwen2_5_vl": ("processor_class", "processor_config.json"),
}


def _pixels(encoder: Encoder, picture: Image.Image) -> torch.Tensor:
    [name] = [name for kind, name in TENSOR.items() if encoder.model_type.startswith(kind)]
    return encoder.images([picture]).tensors[name]


def _ids(model, encoder: Encoder, picture: Image.Image) -> list[int]:
    [question], [answer] = encoder.questions([QUESTION]), encoder.answers(["red"])
    return prompt_ids(model, encoder.images([picture]), question, answer)


@pytest.mark.parametrize("kind", STOCK)
def test_ids_and_pixels_are_those_of_transformers_with_torchvision(kind):
    golden = json.loads((GOLDEN / f"{kind.replace(' ', '_')}.json").read_text())
    model, encoder = tiny_model(kind)
    for picture, expected in zip(draw_pictures(), golden["pictures"], strict=True):
        assert _ids(model, encoder, picture) == expected["ids"]
        pixels = _pixels(encoder, picture)
        assert list(pixels.shape) == [size for size in expected["shape"] if size != 1] or pixels.numel() == (
            torch.Size(expected["shape"]).numel()
        )
        # torchvision resizes in other steps than Pillow: one or two levels of 255, which are 0.03 here.
        torch.testing.assert_close(
            torch.tensor(sample(pixels)), torch.tensor(expected["pixels"]), rtol=0, atol=0.03
        )


@pytest.mark.parametrize("kind", [kind for kind in STOCK if not kind.startswith("qwen")])
def test_ids_and_pixels_are_those_of_transformers_with_pillow(kind):
    model, encoder = tiny_model(kind)
    for picture in draw_pictures():
        stock = encoder.processor(
            images=[picture], text=[encoder.family.PROMPT.template.format(QUESTION)], return_tensors="pt"
        )
        assert _ids(model, encoder, picture) == stock["input_ids"][0].tolist()
        pixels = _pixels(encoder, picture)
        torch.testing.assert_close(pixels, stock["pixel_values"].view_as(pixels), rtol=0, atol=0)


@pytest.mark.parametrize("kind", STOCK)
def test_pictures_are_the_same_together_and_alone(kind):
    _, encoder = tiny_model(kind)
    together = encoder.images(draw_pictures())
    for number, picture in enumerate(draw_pictures()):
        alone, own = encoder.images([picture]), together.select(number, number + 1)
        assert alone.rows == own.rows
        for name, tensor in alone.tensors.items():
            assert torch.equal(tensor, own.tensors[name]), name
    assert len(together) == len(SIZES)


@pytest.mark.parametrize("kind", NOT_SAID)
def test_a_processor_that_does_not_say_how_many_tokens_an_image_is_is_one_line(kind, tmp_path):
    _, encoder = tiny_model(kind)
    encoder.family.save_processor(encoder.processor, tmp_path)
    path = tmp_path / "processor_config.json"
    settings = json.loads(path.read_text())
    setting, text = NOT_SAID[kind]
    settings.pop(setting)
    path.write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=text) as caught:
        load_encoder(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", NOT_SAID)
def test_a_processor_of_another_model_is_one_line_and_nothing_is_written(kind, tmp_path):
    model, encoder = tiny_model(kind)
    processor = encoder.family.save_processor(encoder.processor, tmp_path / "processor")
    if kind == "idefics3":
        processor.image_seq_len = 9
    elif kind.startswith("blip-2"):
        processor.num_query_tokens = 9
    elif kind == "llava":
        processor.patch_size = 16
    else:
        processor.image_processor.patch_size = 4
    with pytest.raises(
        ModelError, match="the processor makes .* and the model .*: model.name must be"
    ) as caught:
        encoder.family.save_checkpoint(model, processor, tmp_path / "base", "[ENC]")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "base" / "model.safetensors").exists()


@pytest.mark.parametrize("kind", STOCK)
def test_a_picture_of_extreme_aspect_is_taken_or_refused_in_one_line(kind):
    _, encoder = tiny_model(kind)
    narrow = Image.new("RGB", (1, 5000), "red")
    if kind.startswith("qwen"):
        with pytest.raises(ImageError, match="does not take this picture: absolute aspect ratio") as caught:
            encoder.images([narrow])
        assert "\n" not in str(caught.value)
    else:
        assert len(encoder.images([narrow])) == 1


PUBLISHED = {
    "idefics3": (
        {"image_seq_len": 64, "processor_class": "Idefics3Processor"},
        {
            "do_image_splitting": True,
            "image_processor_type": "Idefics3ImageProcessor",
            "max_image_size": {"longest_edge": 512},
            "size": {"longest_edge": 2048},
        },
        # 17 tiles of 64 tokens, each with two of its own, and four line ends.
        {"tiles": (17,)},
    ),
    "qwen2_5_vl": (
        None,
        {
            "image_processor_type": "Qwen2VLImageProcessor",
            "max_pixels": 12845056,
            "merge_size": 2,
            "min_pixels": 3136,
            "patch_size": 14,
            "processor_class": "Qwen2_5_VLProcessor",
            "temporal_patch_size": 2,
        },
        {"patches": (18 * 18,), "grid": (1,)},
    ),
    "llava": (
        {
            "image_token": "<image>",
            "num_additional_image_tokens": 1,
            "patch_size": 14,
            "processor_class": "LlavaProcessor",
            "vision_feature_select_strategy": "default",
        },
        {
            "crop_size": {"height": 336, "width": 336},
            "image_processor_type": "CLIPImageProcessor",
            "size": {"shortest_edge": 336},
        },
        {"pixel_values": (1,), "prefix": (579,)},
    ),
    "blip-2": (
        {"num_query_tokens": 32, "processor_class": "Blip2Processor"},
        {"image_processor_type": "BlipImageProcessor", "size": {"height": 224, "width": 224}},
        {"pixel_values": (1,), "prefix": (33,)},
    ),
}
"""processor_config.json and preprocessor_config.json as published checkpoints have them, and the rows of a picture."""


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_files_of_published_checkpoints_are_read_and_written_again(kind, tmp_path):
    _, encoder = tiny_model(kind)
    encoder.processor.tokenizer.save_pretrained(tmp_path)
    of_processor, of_images, rows = PUBLISHED[kind]
    if of_processor is not None:
        (tmp_path / "processor_config.json").write_text(json.dumps(of_processor))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(of_images))
    processor = encoder.family.load_processor(tmp_path)
    again = encoder.family.save_processor(processor, tmp_path / "again")
    for one in (processor, again):
        found = encoder.family.pictures(one, [Image.new("RGB", (256, 256))]).rows
        assert rows.items() <= found.items(), found


def _special_ids(encoder: Encoder, ids: list[int]) -> list[int]:
    return [token for token in ids if token in encoder.processor.tokenizer.all_special_ids]


@pytest.mark.parametrize("kind", STOCK)
def test_a_special_token_that_is_written_in_a_text_is_words(kind):
    _, encoder = tiny_model(kind)
    special = encoder.processor.tokenizer.all_special_tokens
    [usual], [usual_answer] = encoder.questions(["what is red?"]), encoder.answers(["red"])
    for token in special:
        [asked], [answer] = encoder.questions([f"what is {token} red?"]), encoder.answers([f"red{token}blue"])
        assert _special_ids(encoder, asked) == _special_ids(encoder, usual), token
        assert _special_ids(encoder, answer) == _special_ids(encoder, usual_answer), token
        assert encoder.decode(torch.tensor([answer[1:]]))[0].replace(" ", "") == f"red{token}blue"


@pytest.mark.parametrize("kind", STOCK)
def test_line_breaks_and_spaces_of_an_answer_are_one_space(kind):
    _, encoder = tiny_model(kind)
    assert (
        encoder.answers(["red blue", "\n red \n\n blue  "])[0] == encoder.answers(["\n red \n\n blue  "])[0]
    )


@pytest.mark.parametrize("kind", STOCK)
@pytest.mark.parametrize("character", ["é", "颜", "🙂"])
def test_a_question_is_truncated_at_a_whole_character_and_said_to_be(kind, character):
    _, encoder = tiny_model(kind)
    for length in range(120, 136):
        text = "a" * length + character * 8
        longest = len(encoder.questions(["a"])[0]) - 1 + 128
        [ids] = encoder.questions([text])
        assert len(ids) <= longest
        whole = encoder.family.questions(encoder.processor, [text], None)[0]
        assert encoder.too_long([text]) == ([text] if ids != whole else [])
        assert "\ufffd" not in encoder.processor.tokenizer.decode(ids)
