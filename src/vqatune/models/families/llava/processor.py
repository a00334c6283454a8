"""LLaVA's checkpoints and processor: pictures with their prefix, and the prompt."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoTokenizer, LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.image_prefix import check_image_tokens, pictures_with_prefixes
from vqatune.models.families.processors import loading_processor, write_processor
from vqatune.models.families.prompts import Prompt

PROMPT = Prompt(
    frame="USER: <image>\n{} ASSISTANT:",
    words="{}\nAnswer the question using a single word or phrase.",
    cut="<image>",
    image="<image>",
)
"""As LLaVA-1.5 was evaluated on VQA data sets."""


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> LlavaForConditionalGeneration:
    """Load the model of a folder or hub name, and tell it which tokens answers start from and end with.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    model = load_weights(LlavaForConditionalGeneration, source, dtype, quantization, **hub)
    PROMPT.tell_model(model, load_processor(source, **hub).tokenizer)
    return model


def load_processor(source: str | Path, **hub: Any) -> LlavaProcessor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete, or does not say how many tokens an image is.
    """
    with loading_processor(source, "a LLaVA processor", **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = CLIPImageProcessorPil.from_pretrained(source, **hub)
        settings, _ = LlavaProcessor.get_processor_dict(source, **hub)
        names = ("patch_size", "vision_feature_select_strategy", "num_additional_image_tokens", "image_token")
        if not settings.get("patch_size"):
            raise ValueError(
                "processor_config.json has no patch_size, so that an image has no number of tokens"
            )
        return LlavaProcessor(
            images, tokenizer, **{name: settings[name] for name in names if name in settings}
        )


def save_processor(processor: LlavaProcessor, folder: Path) -> LlavaProcessor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where the processor makes another number of image tokens than the model has features.
    """
    processor = save_processor(processor, folder)
    config = model.config
    side = config.vision_config.image_size // config.vision_config.patch_size
    features = side * side + (config.vision_feature_select_strategy != "default")
    made = pictures(processor, [Image.new("RGB", (8, 8))]).tensors["prefix"]
    check_image_tokens(int((made == config.image_token_id).sum()), features)
    model.save_pretrained(folder)


def pictures(processor: LlavaProcessor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), and the prefixes, as `pictures_with_prefixes`."""
    pixel_values = processor.image_processor(images, return_tensors="pt").pixel_values
    side = processor.patch_size
    tokens = (pixel_values.shape[-2] // side) * (pixel_values.shape[-1] // side)
    tokens += processor.num_additional_image_tokens - (processor.vision_feature_select_strategy == "default")
    prefix = PROMPT.prefix(processor.tokenizer, [processor.image_token_id] * tokens)
    return pictures_with_prefixes({"pixel_values": (pixel_values, [1] * len(images))}, [prefix] * len(images))
