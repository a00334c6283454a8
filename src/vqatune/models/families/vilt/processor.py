"""ViLT's checkpoints and processor: pictures as patches, and answers as labels of the model's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    ViltForQuestionAnswering,
    ViltProcessor,
)
from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

from vqatune.errors import DataError, ImageError, ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights
from vqatune.models.families.processors import loading_processor, write_processor
from vqatune.models.folder_files.json_files import read_json
from vqatune.tables import write_json

START = 0
"""Stands before an answer's label in the ids of an answer; the model does not read it."""
LABELS = "labels.json"
"""The list of labels beside an adapter, which has no config.json."""


@dataclass
class LabelProcessor:
    """What transformers' ViltProcessor holds, and the labels of the model, which are in its configuration."""

    image_processor: ViltImageProcessorPil
    tokenizer: PreTrainedTokenizerBase
    labels: list[str]


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> ViltForQuestionAnswering:
    """Load the model of a folder or hub name, in `dtype` (None: as it is stored).

    Raises ModelError as `checkpoint.load_weights`.
    """
    return load_weights(ViltForQuestionAnswering, source, dtype, quantization, **hub)


def load_processor(source: str | Path, **hub: Any) -> LabelProcessor:
    """Load the processor and the labels of a folder or hub name; images are preprocessed by Pillow. Raises ModelError."""
    with loading_processor(source, "a ViLT processor", **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = ViltImageProcessorPil.from_pretrained(source, **hub)
        if Path(source).is_dir() and not (Path(source) / "config.json").exists():
            labels = read_json(Path(source) / LABELS)
            if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
                raise ValueError(f"{LABELS} is no list of labels")
        else:
            config, _ = PretrainedConfig.get_config_dict(source, **hub)
            names = {int(number): str(label) for number, label in config["id2label"].items()}
            labels = [names[number] for number in range(len(names))]
        return LabelProcessor(images, tokenizer, labels)


def save_processor(processor: LabelProcessor, folder: Path) -> LabelProcessor:
    """Write the processor and the labels, and return it reloaded."""
    write_processor(ViltProcessor(processor.image_processor, processor.tokenizer), folder)
    write_json(processor.labels, folder / LABELS)
    return load_processor(folder)


def save_checkpoint(
    model: ViltForQuestionAnswering, processor: LabelProcessor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where the processor cuts an image into other patches than the model takes.
    """
    side = processor.image_processor.size_divisor
    if side != model.config.patch_size:
        raise ModelError(
            f"the processor makes sides a multiple of {side} pixels, and the model's patches have {model.config.patch_size}: "
            "model.name must be a checkpoint with its own processor"
        )
    # Questions are truncated by it, and not every tokenizer says it.
    processor.tokenizer.model_max_length = model.config.max_position_embeddings
    save_processor(processor, folder)
    model.save_pretrained(folder)


def pictures(processor: LabelProcessor, images: list[Image.Image]) -> Ragged:
    """Return patches, (patches of all images, 3, side, side), and the grid of each image, (images, 2), rows and columns.

    Raises ImageError where an image is too narrow for the model.
    """
    side = processor.image_processor.size_divisor
    patches, grids = [], []
    for image in images:
        try:
            # One by one, so that none is padded to the size of another.
            [pixels] = processor.image_processor([image], return_tensors="pt").pixel_values
        except ValueError as error:
            raise ImageError(f"the model does not take this picture: {error}") from error
        cut = pixels.unfold(1, side, side).unfold(2, side, side)
        grids.append(list(cut.shape[1:3]))
        patches.append(cut.flatten(1, 2).transpose(0, 1))
    counts = tuple(map(len, patches))
    tensors = {"patches": torch.cat(patches), "grid": torch.tensor(grids)}
    return Ragged(tensors, {"patches": counts, "grid": (1,) * len(images)})


def questions(processor: LabelProcessor, texts: list[str], longest: int | None) -> list[list[int]]:
    """Return the questions' token ids, truncated to `longest` tokens and what the model reads (None: whole)."""
    tokenizer = processor.tokenizer
    if longest is None:
        return tokenizer(texts).input_ids
    most = min(longest, tokenizer.model_max_length)
    return tokenizer(texts, truncation=True, max_length=most).input_ids


def answers(processor: LabelProcessor, texts: list[str], longest: int) -> list[list[int]]:
    """Return START and the number of each answer's label.

    Raises DataError where one is no label.
    """
    numbers = _numbers(processor)
    for text in texts:
        if _plain(text) not in numbers:
            raise DataError(
                f"the answer {text!r} is none of the {len(numbers):,} labels of the model: leave it out"
            )
    return [[START, numbers[_plain(text)]] for text in texts]


def without_label(processor: LabelProcessor, texts: Sequence[str]) -> list[str]:
    """Return those of the answers that are no label."""
    numbers = _numbers(processor)
    return [text for text in texts if _plain(text) not in numbers]


def _numbers(processor: LabelProcessor) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, label in enumerate(processor.labels):
        numbers.setdefault(_plain(label), number)
    return numbers


def _plain(text: str) -> str:
    """Return an answer without differences of case and space: VQA's labels are in lower case."""
    return " ".join(text.casefold().split())
