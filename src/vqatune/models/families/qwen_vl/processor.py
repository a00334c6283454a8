"""Checkpoints and processor of Qwen2.5-VL and Qwen2-VL: pictures as patches with their prefix, and the prompt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.utils import cached_file

from vqatune.errors import ImageError, ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights, model_errors
from vqatune.models.families.image_prefix import pictures_with_prefixes
from vqatune.models.families.processors import loading_processor
from vqatune.models.families.prompts import Prompt
from vqatune.models.folder_files.folder import check_model_files
from vqatune.models.folder_files.json_files import read_object
from vqatune.tables import write_json

PROMPT = Prompt(
    frame="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>{}<|im_end|>\n<|im_start|>assistant\n",
    words="{}\nAnswer the question using a single word or phrase.",
    cut="<|vision_end|>",
    image="<|image_pad|>",
    space="",
    end="<|im_end|>",
)
"""The chat template of both, with the instruction of LLaVA-1.5's evaluation."""
CLASSES = {"qwen2_5_vl": Qwen2_5_VLForConditionalGeneration, "qwen2_vl": Qwen2VLForConditionalGeneration}
MOST_PIXELS = 2**24
"""Of an image, by which this family counts its size; published processors allow 12.8 million."""
_VIDEOS = "video_preprocessor_config.json"


@dataclass
class QwenProcessor:
    """What transformers' processor holds but the one of videos, which cannot be made without torchvision."""

    image_processor: Qwen2VLImageProcessorPil
    tokenizer: PreTrainedTokenizerBase
    processor_class: str
    """The name of transformers' processor, which loads the files of `save_processor`."""
    videos: dict[str, Any] | None = None
    """The settings of the processor of videos, kept as they are."""


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> nn.Module:
    """Load the model of a folder or hub name, and tell it which tokens answers start from and end with.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    with model_errors(f"{source} cannot be loaded as a Qwen-VL"):
        check_model_files(source, **hub)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **hub)
    model = load_weights(CLASSES[config.model_type], source, dtype, quantization, **hub)
    PROMPT.tell_model(model, load_processor(source, **hub).tokenizer)
    return model


def load_processor(source: str | Path, **hub: Any) -> QwenProcessor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete.
    """
    with loading_processor(source, "a Qwen-VL processor", MOST_PIXELS, **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = Qwen2VLImageProcessorPil.from_pretrained(source, **hub)
        settings: dict[str, Any] = {}
        for file in ("preprocessor_config.json", "processor_config.json"):
            settings |= _read_json(source, file, **hub) or {}
        videos = settings.get("video_processor") or _read_json(source, _VIDEOS, **hub)
        return QwenProcessor(images, tokenizer, settings["processor_class"], videos)


def save_processor(processor: QwenProcessor, folder: Path) -> QwenProcessor:
    """Write the files of transformers' processor, that of videos included, and return it reloaded."""
    # transformers notes whether it was offline (HF_HUB_OFFLINE), which would make other bytes of the same tokenizer.
    processor.tokenizer.init_kwargs["local_files_only"] = False
    processor.tokenizer.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)
    write_json({"processor_class": processor.processor_class}, folder / "processor_config.json")
    if processor.videos is not None:
        write_json(processor.videos, folder / _VIDEOS)
    return load_processor(folder)


def save_checkpoint(model: nn.Module, processor: QwenProcessor, folder: Path, question_token: str) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where the processor cuts an image into other patches than the model takes.
    """
    processor = save_processor(processor, folder)
    vision, images = model.config.vision_config, processor.image_processor
    side = images.patch_size * images.merge_size
    taken = vision.patch_size * vision.spatial_merge_size
    if side != taken:
        raise ModelError(
            f"the processor makes a token of {side} × {side} pixels, and the model of {taken} × {taken}: model.name must be a "
            "checkpoint with its own processor"
        )
    model.save_pretrained(folder)


def pictures(processor: QwenProcessor, images: list[Image.Image]) -> Ragged:
    """Return patches, (patches of all images, values), the grid of each image, and the prefixes.

    A grid is (1, rows, columns), in patches; a prefix's positions have the axes time, height and width.

    Raises ImageError where an image is too narrow for the model.
    """
    try:
        made = processor.image_processor(images, return_tensors="pt")
    except ValueError as error:
        raise ImageError(f"the model does not take this picture: {error}") from error
    grids = made["image_grid_thw"]
    merge = processor.image_processor.merge_size
    token = processor.tokenizer.convert_tokens_to_ids(PROMPT.image)
    prefixes, positions = [], []
    for grid in grids.tolist():
        rows, columns = grid[1] // merge, grid[2] // merge
        prefix = PROMPT.prefix(processor.tokenizer, [token] * (rows * columns))
        prefixes.append(prefix)
        positions.append(_positions(len(prefix), prefix.index(token), rows, columns))
    patches = (made["pixel_values"], grids.prod(1).tolist())
    return pictures_with_prefixes(
        {"patches": patches, "grid": (grids, [1] * len(images))}, prefixes, positions
    )


def _positions(tokens: int, start: int, rows: int, columns: int) -> Tensor:
    """Return the positions of a prefix's tokens, (tokens, 3): an image's rows and columns count from where it starts."""
    before = torch.arange(start)[:, None].expand(-1, 3)
    height, width = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    image = torch.stack([torch.zeros_like(height), height, width], 2).view(-1, 3) + start
    after = torch.arange(tokens - start - rows * columns)[:, None].expand(-1, 3) + start + max(rows, columns)
    return torch.cat([before, image, after])


def _read_json(source: str | Path, name: str, **hub: Any) -> dict[str, Any] | None:
    """Return what a file of a folder or hub checkpoint says; None where there is no such file."""
    path = cached_file(source, name, _raise_exceptions_for_missing_entries=False, **hub)
    return None if path is None else read_object(Path(path))
