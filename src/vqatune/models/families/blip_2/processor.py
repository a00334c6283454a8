"""BLIP-2's checkpoints and processor: pictures with their prefix, and the prompt."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoConfig, AutoTokenizer, Blip2ForConditionalGeneration, Blip2Processor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.errors import ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.image_prefix import check_image_tokens, pictures_with_prefixes
from vqatune.models.families.processors import processor_errors, write_processor
from vqatune.models.families.prompts import Prompt

PROMPT = Prompt("Question: {} Short answer:", cut="</s>", end="Ċ")
"""As BLIP-2 was evaluated on VQA data sets. OPT's tokenizer begins every text with </s>; an answer ends with a line
break (Ċ), as BLIP-2's generation does."""


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, **hub: Any
) -> Blip2ForConditionalGeneration:
    """Load the model of a folder or hub name, and tell it which tokens answers start from and end with.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    if not AutoConfig.from_pretrained(source, trust_remote_code=False, **hub).use_decoder_only_language_model:
        raise ModelError(f"{source} is a BLIP-2 with T5: of BLIP-2 only the checkpoints with OPT are known")
    model = load_weights(Blip2ForConditionalGeneration, source, dtype, **hub)
    PROMPT.tell_model(model, load_processor(source, **hub).tokenizer)
    return model


def load_processor(source: str | Path, **hub: Any) -> Blip2Processor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete.
    """
    with processor_errors(source, "a BLIP-2 processor"):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = BlipImageProcessorPil.from_pretrained(source, **hub)
        settings, _ = Blip2Processor.get_processor_dict(source, **hub)
        if not settings.get("num_query_tokens"):
            raise ValueError(
                "processor_config.json has no num_query_tokens, so that an image has no number of tokens"
            )
        return Blip2Processor(images, tokenizer, settings["num_query_tokens"])


def save_processor(processor: Blip2Processor, folder: Path) -> Blip2Processor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(
    model: Blip2ForConditionalGeneration, processor: Blip2Processor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where processor and model disagree on an image's tokens or on what ends an answer.
    """
    processor = save_processor(processor, folder)
    check_image_tokens(processor.num_query_tokens, model.config.num_query_tokens)
    config = model.config
    expected = {
        "the image": (_image_token(processor), config.image_token_id),
        "the end of an answer": (PROMPT.end_id(processor.tokenizer), config.text_config.eos_token_id),
    }
    for name, (own, of_model) in expected.items():
        if own != of_model:
            raise ModelError(
                f"the token of {name} is {own} for the tokenizer and {of_model} for the model: model.name must be a "
                "checkpoint in the form of today's transformers, with its own tokenizer"
            )
    model.save_pretrained(folder)


def pictures(processor: Blip2Processor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), and the prefixes, as `pictures_with_prefixes`."""
    pixel_values = processor.image_processor(images, return_tensors="pt").pixel_values
    prefix = PROMPT.prefix(processor.tokenizer, [_image_token(processor)] * processor.num_query_tokens)
    return pictures_with_prefixes({"pixel_values": (pixel_values, [1] * len(images))}, [prefix] * len(images))


def _image_token(processor: Blip2Processor) -> int:
    return processor.tokenizer.convert_tokens_to_ids(str(processor.image_token))
