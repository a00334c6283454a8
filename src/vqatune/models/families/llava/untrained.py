"""A tiny LLaVA with random weights, and a tokenizer built from texts."""

from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.models.families import processors
from vqatune.models.families.llava.processor import PROMPT
from vqatune.params import TinyParams

SPECIAL = ["<pad>", "<s>", "</s>", "<image>"]


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """Return a model with random weights, and its processor.

    Args:
        texts: the tokenizer's vocabulary is built from them.
        vocabulary: the largest number of tokens; never fewer than the 260 of bytes and signs.
        tiny: the model's size, of the vision tower and the language model each.

    Raises ParameterError without a size: LLaVA's own has 7 billion weights.
    """
    tiny = processors.required_size(tiny)
    tokenizer = make_tokenizer(texts, vocabulary)
    size = {"height": tiny.image_size, "width": tiny.image_size}
    images = CLIPImageProcessorPil(size=size, do_center_crop=False)
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=tiny.patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    model = LlavaForConditionalGeneration(make_config(tokenizer, tiny))
    PROMPT.tell_model(model, tokenizer)
    return model, processor


def make_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer from texts as they stand in the prompt, and behind it: an answer follows a space."""
    texts = sorted(texts)
    asked = [PROMPT.template.format(text) for text in texts]
    texts_in_place = [*asked, *(f" {text}" for text in texts)]
    return processors.make_tokenizer(texts_in_place, vocabulary, SPECIAL, {"image_token": "<image>"})


def make_config(tokenizer: PreTrainedTokenizerFast, tiny: TinyParams) -> LlavaConfig:
    """Return the configuration of a tiny LLaVA, for a tokenizer of `make_tokenizer`."""
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
        # The usual 0.02 suits a width of thousands; narrower layers need a larger one to keep activations in scale.
        "initializer_range": tiny.hidden_size**-0.5,
    }
    vision = CLIPVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    text = LlamaConfig(
        **shape,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    image = tokenizer.convert_tokens_to_ids("<image>")
    return LlavaConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        image_token_id=image,
        image_token_index=image,
        # The last layer's states: a tower this small has none to spare.
        vision_feature_layer=-1,
    )
