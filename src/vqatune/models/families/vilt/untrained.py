"""ViLT models with random weights and a tokenizer built from texts: a tiny model, or vilt-b32-finetuned-vqa's architecture."""

from collections.abc import Sequence

from transformers import BertTokenizer, ViltConfig, ViltForQuestionAnswering
from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

from vqatune.models.families.processors import BERT_VOCABULARY, make_word_pieces
from vqatune.models.families.vilt.processor import LabelProcessor
from vqatune.params import TinyParams

LABELS = ("yes", "no", *map(str, range(11)))
"""Answers to questions about any pictures."""
CONTEXT = 40
"""Tokens that a question may have, as in the published checkpoints."""


def make_untrained(
    texts: list[str], vocabulary: int, tiny: TinyParams | None, labels: Sequence[str] = LABELS
) -> tuple[ViltForQuestionAnswering, LabelProcessor]:
    """Return a model with random weights, and its processor, as LabelledFamily.make_untrained."""
    tokenizer = make_word_pieces(texts, vocabulary)
    tokenizer.model_max_length = CONTEXT
    config = make_config(tokenizer, tiny, labels)
    model = ViltForQuestionAnswering(config)
    # transformers leaves them at zero, where patches do not differ by their places.
    for weight in (model.vilt.embeddings.cls_token, model.vilt.embeddings.position_embeddings):
        weight.data.normal_(std=config.initializer_range)
    images = ViltImageProcessorPil(size={"shortest_edge": config.image_size}, size_divisor=config.patch_size)
    return model, LabelProcessor(images, tokenizer, list(labels))


def make_config(tokenizer: BertTokenizer, tiny: TinyParams | None, labels: Sequence[str]) -> ViltConfig:
    """Return the configuration of a tiny ViLT, or (None) of vilt-b32-finetuned-vqa but for its labels."""
    tokens = {
        "pad_token_id": tokenizer.pad_token_id,
        "max_position_embeddings": CONTEXT,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    if tiny is None:
        return ViltConfig(**tokens, vocab_size=BERT_VOCABULARY)
    return ViltConfig(
        **tokens,
        vocab_size=len(tokenizer),
        hidden_size=tiny.hidden_size,
        intermediate_size=4 * tiny.hidden_size,
        num_hidden_layers=tiny.layers,
        num_attention_heads=tiny.heads,
        image_size=tiny.image_size,
        patch_size=tiny.patch_size,
        # The usual 0.02 suits a width of 768; narrower layers need a larger one to keep activations in scale.
        initializer_range=tiny.hidden_size**-0.5,
    )
