"""LLaVA's checkpoints and processor: pictures with their prefix, and texts, as the model takes them."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerBase
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.errors import ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights

PROMPT = "USER: <image>\n{}\nAnswer the question using a single word or phrase. ASSISTANT:"
"""As LLaVA-1.5 was evaluated on VQA data sets."""


def load_model(source: str | Path, **hub: Any) -> LlavaForConditionalGeneration:
    """Load the model of a folder or hub name, in float32, and tell it the token that answers start from.

    Raises ModelError as `checkpoint.load_weights` and `load_processor`.
    """
    model = load_weights(LlavaForConditionalGeneration, source, **hub)
    model.answer_start = answers(load_processor(source, **hub), [""], 2)[0][0]
    return model


def load_processor(source: str | Path, **hub: Any) -> LlavaProcessor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete, or does not say how many tokens an image is.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **hub)
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
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{source} cannot be loaded as a LLaVA processor: {reason}") from error


def save_processor(processor: LlavaProcessor, folder: Path) -> LlavaProcessor:
    """Write the processor and return it reloaded."""
    # transformers notes whether it was offline (HF_HUB_OFFLINE), which would make other bytes of the same tokenizer.
    processor.tokenizer.init_kwargs["local_files_only"] = False
    processor.save_pretrained(folder)
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
    tokens = int((made == config.image_token_id).sum())
    if tokens != features:
        raise ModelError(
            f"the processor makes {tokens} tokens of an image, and the model {features}: model.name must be a checkpoint "
            "with its own processor"
        )
    model.save_pretrained(folder)


def pictures(processor: LlavaProcessor, images: list[Image.Image]) -> Ragged:
    """Return pixel_values, (images, 3, height, width), and prefix, the ids of the tokens before the question."""
    pixel_values = processor.image_processor(images, return_tensors="pt").pixel_values
    before, image_token, _ = _prompt(processor.tokenizer, processor.image_token, "")
    side = processor.patch_size
    tokens = (pixel_values.shape[-2] // side) * (pixel_values.shape[-1] // side)
    tokens += processor.num_additional_image_tokens - (processor.vision_feature_select_strategy == "default")
    prefix = [*before, *[image_token] * tokens]
    return Ragged(
        {"pixel_values": pixel_values, "prefix": torch.tensor(prefix * len(images))},
        {"pixel_values": (1,) * len(images), "prefix": (len(prefix),) * len(images)},
    )


def questions(processor: LlavaProcessor, texts: list[str], longest: int | None) -> list[list[int]]:
    """Return the ids of what follows the image, up to the last token but one; the question itself is truncated."""
    tokenizer = processor.tokenizer
    if longest is not None:
        ids = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=longest).input_ids
        whole = tokenizer(texts, add_special_tokens=False).input_ids
        texts = [
            text if len(cut) == len(all_) else tokenizer.decode(cut)
            for text, cut, all_ in zip(texts, ids, whole, strict=True)
        ]
    return [_prompt(tokenizer, processor.image_token, text)[2][:-1] for text in texts]


def answers(processor: LlavaProcessor, texts: list[str], longest: int) -> list[list[int]]:
    """Return the ids of answers from the last token of the prompt to the end token, truncated to `longest` tokens."""
    tokenizer = processor.tokenizer
    asked = _prompt(tokenizer, processor.image_token, "")[2]
    found = []
    for text in texts:
        ids = _after_image(tokenizer, processor.image_token, f"{PROMPT.format('')} {text}".rstrip(" "))
        if ids[: len(asked)] != asked:
            raise ModelError(
                f"the answer {text!r} changes the tokens of the prompt before it: this tokenizer cannot be used"
            )
        answer = ids[len(asked) :][: longest - 2]
        found.append([asked[-1], *answer, tokenizer.eos_token_id])
    return found


def answer_texts(processor: LlavaProcessor, ids: Tensor) -> list[str]:
    """Return the texts of answers' token ids, (answers, tokens)."""
    return [text.strip() for text in processor.tokenizer.batch_decode(ids, skip_special_tokens=True)]


def _prompt(
    tokenizer: PreTrainedTokenizerBase, image_token: str, question: str
) -> tuple[list[int], int, list[int]]:
    """Return the ids of a prompt: those before the image, the image's, and those after it."""
    image = tokenizer.convert_tokens_to_ids(image_token)
    ids = tokenizer(PROMPT.format(question)).input_ids
    place = ids.index(image)
    return ids[:place], image, ids[place + 1 :]


def _after_image(tokenizer: PreTrainedTokenizerBase, image_token: str, text: str) -> list[int]:
    ids = tokenizer(text).input_ids
    return ids[ids.index(tokenizer.convert_tokens_to_ids(image_token)) + 1 :]
