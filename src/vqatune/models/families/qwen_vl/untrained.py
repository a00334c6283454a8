"""A tiny Qwen2.5-VL with random weights, and a tokenizer built from texts."""

from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from vqatune.models.families import processors
from vqatune.models.families.qwen_vl.processor import PROMPT, QwenProcessor
from vqatune.params import TinyParams

SPECIAL = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>"),
]
MERGE = 2
"""A token of an image is made of a square of so many patches a side."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None
) -> tuple[Qwen2_5_VLForConditionalGeneration, QwenProcessor]:
    """Return a model with random weights, and its processor, as Family.make_untrained."""
    tiny = processors.required_size(tiny)
    tokenizer = make_tokenizer(texts, vocabulary)
    pixels = tiny.image_size**2
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": pixels // 4, "longest_edge": pixels},
        patch_size=tiny.patch_size,
        merge_size=MERGE,
    )
    model = Qwen2_5_VLForConditionalGeneration(make_config(tokenizer, tiny))
    PROMPT.tell_model(model, tokenizer)
    return model, QwenProcessor(images, tokenizer, "Qwen2_5_VLProcessor")


def make_tokenizer(texts: list[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer from texts as they stand in the prompt, and behind it: an answer begins a line."""
    texts = sorted(texts)
    asked = [PROMPT.template.format(text) for text in texts]
    return processors.make_tokenizer([*asked, *texts], vocabulary, SPECIAL, {})


def make_config(tokenizer: PreTrainedTokenizerFast, tiny: TinyParams) -> Qwen2_5_VLConfig:
    """Return the configuration of a tiny model, for a tokenizer of `make_tokenizer`."""
    width, heads = tiny.hidden_size, tiny.heads
    # The usual 0.02 suits a width of thousands; narrower layers need a larger one to keep activations in scale.
    spread = {"initializer_range": width**-0.5, "intermediate_size": 4 * width, "hidden_size": width}
    axis = width // heads // 2 // 3
    special = dict(zip(SPECIAL, tokenizer.convert_tokens_to_ids(SPECIAL), strict=True))
    return Qwen2_5_VLConfig(
        vision_config=spread
        | {
            "depth": tiny.layers,
            "num_heads": heads,
            "out_hidden_size": width,
            "patch_size": tiny.patch_size,
            "spatial_merge_size": MERGE,
            # Windows of four tokens a side, and a last layer that sees the whole image.
            "window_size": 4 * MERGE * tiny.patch_size,
            "fullatt_block_indexes": [tiny.layers - 1],
        },
        text_config=spread
        | {
            "num_hidden_layers": tiny.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [width // heads // 2 - 2 * axis, axis, axis],
            },
        },
        image_token_id=special["<|image_pad|>"],
        video_token_id=special["<|video_pad|>"],
        vision_start_token_id=special["<|vision_start|>"],
        vision_end_token_id=special["<|vision_end|>"],
        tie_word_embeddings=False,
    )
