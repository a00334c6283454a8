"""A LLaVA of a few random weights, the same ones every time, with a tokenizer made of a few texts."""

import torch
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from vqatune.models.families.llava.processor import answers
from vqatune.models.families.llava.untrained import make_tokenizer

TEXTS = [
    "What color is it?",
    "red",
    "blue",
    "two",
    "Is it striped?",
    "yes",
    "no",
    "How many stars are there?",
]
IMAGE_SIZE, PATCH_SIZE = 32, 8


def tiny_processor() -> LlavaProcessor:
    """Return the processor of `tiny_llava`."""
    size = {"shortest_edge": IMAGE_SIZE}
    images = CLIPImageProcessorPil(size=size, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    return LlavaProcessor(
        images,
        make_tokenizer(TEXTS, 340),
        patch_size=PATCH_SIZE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def tiny_llava(processor: LlavaProcessor, attention: str = "sdpa") -> LlavaForConditionalGeneration:
    """Return a model in evaluation: grouped-query attention, 16 patches an image, as LLaVA takes them."""
    torch.manual_seed(0)
    tokenizer = processor.tokenizer
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        initializer_range=0.3,
    )
    text = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        attn_implementation=attention,
    )
    model = LlavaForConditionalGeneration(config).eval()
    model.answer_start = answers(processor, [""], 2)[0][0]
    return model
