"""CLIP's checkpoints and processor."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPModel, CLIPProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.dual_encoder import check_shapes
from vqatune.models.families.processors import loading_processor, write_processor


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> CLIPModel:
    """Load the model of a folder or hub name, in `dtype` (None: as it is stored).

    Raises ModelError as `checkpoint.load_weights`.
    """
    return load_weights(CLIPModel, source, dtype, quantization, **hub)


def load_processor(source: str | Path, **hub: Any) -> CLIPProcessor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow. Raises ModelError."""
    with loading_processor(source, "a CLIP processor", **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        return CLIPProcessor(CLIPImageProcessorPil.from_pretrained(source, **hub), tokenizer)


def save_processor(processor: CLIPProcessor, folder: Path) -> CLIPProcessor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(model: CLIPModel, processor: CLIPProcessor, folder: Path, question_token: str) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's."""
    # Questions are truncated by it, and not every tokenizer says it.
    processor.tokenizer.model_max_length = model.config.text_config.max_position_embeddings
    save_processor(processor, folder)
    model.save_pretrained(folder)


def pictures(processor: CLIPProcessor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), float32; raises ImageError for a picture too narrow to resize."""
    check_shapes(images)
    return Ragged.one_each(
        "pixel_values", processor.image_processor(images, return_tensors="pt").pixel_values
    )
