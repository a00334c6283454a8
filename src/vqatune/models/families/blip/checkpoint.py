"""Base checkpoints in transformers' format; on loading, missing and unexpected weights are errors."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from transformers import BertTokenizer, BlipForQuestionAnswering, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.utils import logging

from vqatune.errors import ModelError

logging.set_verbosity_error()
logging.disable_progress_bar()


def load_model(source: str | Path, **options) -> BlipForQuestionAnswering:
    """Load the model of a folder or hub name, from safetensors, in float32.

    Raises ModelError where there is no such checkpoint, or its weights are not exactly those of the architecture.
    """
    try:
        model, loading = BlipForQuestionAnswering.from_pretrained(
            source, use_safetensors=True, output_loading_info=True, dtype="float32", **options
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{source} cannot be loaded as a BLIP checkpoint: {_first_line(error)}") from error
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        names = sorted(str(name) for name in loading.get(kind) or ())
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise ModelError(
                f"{source} does not hold the weights of its architecture, {kind.replace('_', ' ')}: {shown}; "
                "get the checkpoint again"
            )
    return model


def load_processor(source: str | Path, **options) -> BlipProcessor:
    """Load the processor (tokenizer and image processor) of a folder or hub name.

    Images are preprocessed by Pillow, so that pixel values are the same on every machine.
    """
    try:
        tokenizer = BertTokenizer.from_pretrained(source, **options)
        images = BlipImageProcessorPil.from_pretrained(source, **options)
    except (OSError, ValueError) as error:
        raise ModelError(f"{source} cannot be loaded as a BLIP processor: {_first_line(error)}") from error
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
):
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


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights and configuration, in hexadecimal."""
    digest = hashlib.sha256()
    config = json.loads((folder / "config.json").read_text())
    digest.update(json.dumps(config, sort_keys=True).encode())
    with (folder / "model.safetensors").open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
