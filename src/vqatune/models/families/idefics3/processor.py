"""Checkpoints and processor of Idefics3 and SmolVLM: pictures as tiles with their prefix, and the prompt."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoTokenizer, Idefics3ForConditionalGeneration, Idefics3Processor
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.image_prefix import check_image_tokens, pictures_with_prefixes
from vqatune.models.families.processors import loading_processor, write_processor
from vqatune.models.families.prompts import Prompt

PROMPT = Prompt(
    frame="<|im_start|>User:<image>{}<end_of_utterance>\nAssistant:",
    words="{}\nGive a very brief answer.",
    cut="<image>",
    image="<image>",
    end="<end_of_utterance>",
)
"""SmolVLM's chat template, with the instruction that it was evaluated with on VQA data sets."""


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> Idefics3ForConditionalGeneration:
    """Load the model of a folder or hub name, and tell it which tokens answers start from and end with.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    model = load_weights(Idefics3ForConditionalGeneration, source, dtype, quantization, **hub)
    PROMPT.tell_model(model, load_processor(source, **hub).tokenizer)
    return model


def load_processor(source: str | Path, **hub: Any) -> Idefics3Processor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete.
    """
    with loading_processor(source, "an Idefics3 processor", **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = Idefics3ImageProcessorPil.from_pretrained(source, **hub)
        settings, _ = Idefics3Processor.get_processor_dict(source, **hub)
        if "image_seq_len" not in settings:
            raise ValueError(
                "processor_config.json has no image_seq_len, so that a tile has no number of tokens"
            )
        return Idefics3Processor(
            images,
            tokenizer,
            image_seq_len=int(settings["image_seq_len"]),
            chat_template=settings.get("chat_template"),
        )


def save_processor(processor: Idefics3Processor, folder: Path) -> Idefics3Processor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(
    model: Idefics3ForConditionalGeneration, processor: Idefics3Processor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where the processor makes another number of tokens of a tile than the model has features.
    """
    processor = save_processor(processor, folder)
    config = model.config
    side = config.vision_config.image_size // config.vision_config.patch_size
    check_image_tokens(processor.image_seq_len, side * side // config.scale_factor**2)
    model.save_pretrained(folder)


def split_images(processor: Idefics3Processor, wanted: bool) -> None:
    """Set whether images are cut into tiles beside the whole, as TilingFamily.split_images."""
    images = processor.image_processor
    if not wanted:
        # Published processors enlarge every image to 4 × 4 tiles before they look whether to cut it.
        images.size = images.max_image_size
    images.do_image_splitting = wanted


def pictures(processor: Idefics3Processor, images: list[Image.Image]) -> Ragged:
    """Return tiles, (tiles of all images, 3, height, width), and the prefixes, as `pictures_with_prefixes`.

    With the image processor's do_image_splitting, a large image is cut into tiles, and the whole image is one more.
    """
    made = processor.image_processor(
        [[image] for image in images], return_tensors="pt", return_row_col_info=True
    )
    grids = [(rows[0], columns[0]) for rows, columns in zip(made["rows"], made["cols"], strict=True)]
    counts = [rows * columns + 1 for rows, columns in grids]
    tiles = torch.cat([own[:count] for own, count in zip(made["pixel_values"], counts, strict=True)])
    prefixes = {grid: _prefix(processor, *grid) for grid in grids}
    return pictures_with_prefixes({"tiles": (tiles, counts)}, [prefixes[grid] for grid in grids])


def _prefix(processor: Idefics3Processor, rows: int, columns: int) -> list[int]:
    text = processor.replace_image_token({"rows": [[rows]], "cols": [[columns]]}, 0)
    return PROMPT.prefix(processor.tokenizer, processor.tokenizer(text, add_special_tokens=False).input_ids)
