"""SigLIP's checkpoints and processor."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoTokenizer, SiglipModel, SiglipProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from vqatune.errors import ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.processors import loading_processor, write_processor


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> SiglipModel:
    """Load the model of a folder or hub name, and tell it which token fills up shorter texts.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    model = load_weights(SiglipModel, source, dtype, quantization, **hub)
    model.text_padding = load_processor(source, **hub).tokenizer.pad_token_id
    return model


def load_processor(source: str | Path, **hub: Any) -> SiglipProcessor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete, or its tokenizer needs a package that is not installed.
    """
    with loading_processor(source, "a SigLIP processor", **hub):
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        except ImportError as error:
            raise ModelError(
                f"{source} has a SentencePiece tokenizer: pip install sentencepiece protobuf"
            ) from error
        return SiglipProcessor(SiglipImageProcessorPil.from_pretrained(source, **hub), tokenizer)


def save_processor(processor: SiglipProcessor, folder: Path) -> SiglipProcessor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(
    model: SiglipModel, processor: SiglipProcessor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's."""
    # Questions are truncated by it, and not every tokenizer says it.
    processor.tokenizer.model_max_length = model.config.text_config.max_position_embeddings
    save_processor(processor, folder)
    model.save_pretrained(folder)


def pictures(processor: SiglipProcessor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), float32."""
    return Ragged.one_each(
        "pixel_values", processor.image_processor(images, return_tensors="pt").pixel_values
    )
