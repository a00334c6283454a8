"""BLIP's checkpoints and processor: pictures and texts as the model takes them."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import BertTokenizer, BlipForQuestionAnswering, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.errors import ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.processors import loading_processor
from vqatune.models.families.prompts import token_ids


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> BlipForQuestionAnswering:
    """Load the model of a folder or hub name, in `dtype` (None: as it is stored).

    Raises ModelError as `checkpoint.load_weights`.
    """
    return load_weights(BlipForQuestionAnswering, source, dtype, quantization, **hub)


def load_processor(source: str | Path, **hub: Any) -> BlipProcessor:
    """Load the processor (tokenizer and image processor) of a folder or hub name.

    Images are preprocessed by Pillow, so that pixel values are the same on every machine.
    """
    with loading_processor(source, "a BLIP processor", **hub):
        tokenizer = BertTokenizer.from_pretrained(source, **hub)
        images = BlipImageProcessorPil.from_pretrained(source, **hub)
        return BlipProcessor(images, tokenizer)


def save_processor(
    processor: BlipProcessor, folder: Path, question_token: str | None = None
) -> BlipProcessor:
    """Write the processor and return it reloaded.

    With `question_token`, the tokenizer starts questions with that token, and [DEC] and [ENC] are added to the
    vocabulary where they are missing, in the order of BLIP's own code (the last two ids of its checkpoints).
    """
    tokenizer = processor.tokenizer
    if question_token:
        tokenizer.add_special_tokens({"bos_token": "[DEC]", "cls_token": "[ENC]"})
        tokenizer.cls_token = question_token
    # Only a reloaded tokenizer applies its new cls_token, so it is written, loaded and written again.
    _write(processor, folder)
    processor = load_processor(folder)
    _write(processor, folder)
    return processor


def _write(processor: BlipProcessor, folder: Path) -> None:
    # transformers notes whether it was offline (HF_HUB_OFFLINE), which would make other bytes of the same tokenizer.
    processor.tokenizer.init_kwargs["local_files_only"] = False
    processor.save_pretrained(folder)


def save_checkpoint(
    model: BlipForQuestionAnswering, processor: BlipProcessor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads.

    Raises ModelError where tokenizer and model disagree on the ids of [DEC], [SEP] or [PAD].
    """
    processor = save_processor(processor, folder, question_token)
    tokenizer, config = processor.tokenizer, model.config.text_config
    expected = {"[DEC]": config.bos_token_id, "[SEP]": config.sep_token_id, "[PAD]": config.pad_token_id}
    for token, identifier in expected.items():
        if tokenizer.convert_tokens_to_ids(token) != identifier:
            raise ModelError(
                f"the tokenizer's {token} is {tokenizer.convert_tokens_to_ids(token)}, the model's {identifier}: "
                "model.name must be a BLIP checkpoint for question answering with its own tokenizer"
            )
    model.save_pretrained(folder)


def pictures(processor: BlipProcessor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), float32."""
    return Ragged.one_each(
        "pixel_values", processor.image_processor(images, return_tensors="pt").pixel_values
    )


def questions(processor: BlipProcessor, texts: list[str], longest: int | None) -> list[list[int]]:
    """Return the questions' token ids, from [ENC] to [SEP], truncated to `longest` tokens (None: whole)."""
    options = {} if longest is None else {"truncation": True, "max_length": longest}
    return token_ids(processor.tokenizer, texts, **options)


def answers(processor: BlipProcessor, texts: list[str], longest: int) -> list[list[int]]:
    """Return the answers' token ids, from [DEC] to [SEP], truncated to `longest` tokens."""
    tokenizer = processor.tokenizer
    encoded = token_ids(tokenizer, texts, add_special_tokens=False, truncation=True, max_length=longest - 2)
    return [[tokenizer.bos_token_id, *ids, tokenizer.sep_token_id] for ids in encoded]


def answer_texts(processor: BlipProcessor, ids: Tensor) -> list[str]:
    """Return the texts of answers' token ids, (answers, tokens)."""
    return [text.strip() for text in processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]
