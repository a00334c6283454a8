"""BLIP-2's checkpoints and processor: pictures with their prefix, and the prompts of OPT and of T5."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    PreTrainedTokenizerBase,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from vqatune.errors import ModelError
from vqatune.loading.ragged import Ragged
from vqatune.models.checkpoint import load_weights, model_errors
from vqatune.models.families.image_prefix import check_image_tokens, pictures_with_prefixes
from vqatune.models.families.processors import loading_processor, write_processor
from vqatune.models.families.prompts import EncoderPrompt, Prompt
from vqatune.models.folder_files.folder import check_model_files

PROMPT = Prompt(frame="{}", words="Question: {} Short answer:", cut="</s>", end="Ċ")
"""As BLIP-2 was evaluated on VQA data sets. OPT's tokenizer begins every text with </s>; an answer ends with a line
break (Ċ), as BLIP-2's generation does."""
T5_PROMPT = EncoderPrompt(PROMPT.words)
"""T5's tokenizer ends every text with </s>, and begins none."""


def prompt_of(processor: Blip2Processor) -> Prompt | EncoderPrompt:
    """Return the prompt of the language model that a processor belongs to."""
    return _prompt_by(processor.tokenizer)


def _prompt_by(tokenizer: PreTrainedTokenizerBase) -> Prompt | EncoderPrompt:
    ends_texts = tokenizer("a").input_ids[-1] == tokenizer.eos_token_id
    return T5_PROMPT if ends_texts else PROMPT


def questions(processor: Blip2Processor, texts: list[str], longest: int | None) -> list[list[int]]:
    """Return the questions' token ids, as Family.questions."""
    return prompt_of(processor).questions(processor, texts, longest)


def answers(processor: Blip2Processor, texts: list[str], longest: int) -> list[list[int]]:
    """Return the answers' token ids, as Family.answers."""
    return prompt_of(processor).answers(processor, texts, longest)


def answer_texts(processor: Blip2Processor, ids: Tensor) -> list[str]:
    """Return the texts of answers' token ids, (answers, tokens)."""
    return prompt_of(processor).answer_texts(processor, ids)


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = "none", **hub: Any
) -> Blip2ForConditionalGeneration:
    """Load the model of a folder or hub name, and tell one with OPT which tokens answers start from and end with.

    Its weights are in `dtype` (None: as they are stored).

    Raises ModelError as `checkpoint.load_weights` and `load_processor`, or where its language model is neither OPT nor T5.
    """
    with model_errors(f"{source} cannot be loaded as a BLIP-2"):
        check_model_files(source, **hub)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **hub)
    name = config.text_config.model_type
    if not config.use_decoder_only_language_model and name != "t5":
        raise ModelError(
            f"{source} is a BLIP-2 with {name}: of BLIP-2 only those with OPT and with T5 are known"
        )
    model = load_weights(Blip2ForConditionalGeneration, source, dtype, quantization, **hub)
    tokenizer = load_processor(source, **hub).tokenizer
    prompt = _prompt_for(config, tokenizer)
    if isinstance(prompt, Prompt):
        prompt.tell_model(model, tokenizer)
    return model


def load_processor(source: str | Path, **hub: Any) -> Blip2Processor:
    """Load the processor of a folder or hub name; images are preprocessed by Pillow.

    Raises ModelError where it is incomplete.
    """
    with loading_processor(source, "a BLIP-2 processor", **hub):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **hub)
        images = BlipImageProcessorPil.from_pretrained(source, **hub)
        settings, _ = Blip2Processor.get_processor_dict(source, **hub)
        if not settings.get("num_query_tokens"):
            raise ValueError(
                "processor_config.json has no num_query_tokens, so that an image has no number of tokens"
            )
        return Blip2Processor(images, tokenizer, int(settings["num_query_tokens"]))


def save_processor(processor: Blip2Processor, folder: Path) -> Blip2Processor:
    """Write the processor and return it reloaded."""
    write_processor(processor, folder)
    return load_processor(folder)


def save_checkpoint(
    model: Blip2ForConditionalGeneration, processor: Blip2Processor, folder: Path, question_token: str
) -> None:
    """Write model and processor into a folder that stock transformers loads; `question_token` is BLIP's.

    Raises ModelError where processor and model disagree on an image's tokens, or on where an answer starts or ends.
    """
    processor = save_processor(processor, folder)
    check_image_tokens(processor.num_query_tokens, model.config.num_query_tokens)
    config, tokenizer = model.config, processor.tokenizer
    prompt = _prompt_for(config, tokenizer)
    expected = {
        "the image": (_image_token(processor), config.image_token_id),
        "the end of an answer": (prompt.end_id(tokenizer), config.text_config.eos_token_id),
    }
    if isinstance(prompt, EncoderPrompt):
        start = getattr(config.text_config, "decoder_start_token_id", None)
        expected["the start of an answer"] = (prompt.start_id(tokenizer), start)
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
    prompt = prompt_of(processor)
    prefix = prompt.prefix(processor.tokenizer, [_image_token(processor)] * processor.num_query_tokens)
    return pictures_with_prefixes({"pixel_values": (pixel_values, [1] * len(images))}, [prefix] * len(images))


def _image_token(processor: Blip2Processor) -> int:
    return processor.tokenizer.convert_tokens_to_ids(str(processor.image_token))


def _prompt_for(config: Blip2Config, tokenizer: PreTrainedTokenizerBase) -> Prompt | EncoderPrompt:
    """Return the prompt for a model; raises ModelError where the tokenizer is for another one."""
    prompt = PROMPT if config.use_decoder_only_language_model else T5_PROMPT
    if _prompt_by(tokenizer) is not prompt:
        ends = "ends no text" if prompt is T5_PROMPT else "ends a text"
        raise ModelError(
            f"the tokenizer {ends} with {tokenizer.eos_token}, and is not that of the language model, "
            f"{config.text_config.model_type}: model.name must be a checkpoint with its own tokenizer"
        )
    return prompt
