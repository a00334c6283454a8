"""BLIP for visual question answering, with all questions of an image in one forward pass.

The vision tower runs once per image. In the question encoder an image's keys and values are computed once for all
its questions, which are concatenated into one long row of queries; this is exact because queries do not attend to
each other. Texts are packed, so that padding costs nothing outside of attention. The modules are transformers' own
(with any LoRA layers in them); only the order of the operations differs from `BlipForQuestionAnswering.forward`.

Li et al., BLIP, 2022, https://arxiv.org/abs/2201.12086; the question starts with [ENC], the answer with [DEC].
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vqatune.loading.ragged import Ragged
from vqatune.models.families.cross_attention import KeysAndValues
from vqatune.models.family import AnswerTokens, Parts, Past, VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch, RowLayout, Texts

PARTS = Parts(vision=("vision_model",), text=("text_encoder", "text_decoder"))
HEADS = ["text_decoder.cls.predictions.decoder"]
PRESETS = {
    "vision": ["qkv", "projection"],
    "text_query_value": ["query", "value"],
    "text_query_key_value": ["query", "key", "value"],
    "text_query_value_dense": ["query", "value", "dense"],
    "text_query_value_out": ["query", "value", "attention.output.dense", "crossattention.output.dense"],
    "all_linear": ["qkv", "projection", "fc1", "fc2", "query", "key", "value", "dense"],
}
"""The presets of `lora.target_modules`: layer names, or the last components of their dotted paths."""


def answer_tokens(model: nn.Module) -> AnswerTokens:
    """Return the vocabulary of a model's answers; `model` is as for `pair_losses`."""
    config = model.config.text_config
    return AnswerTokens(
        start=model.decoder_start_token_id,
        end=config.sep_token_id,
        padding=config.pad_token_id,
        count=config.vocab_size,
        layers=config.num_hidden_layers,
    )


def patches_per_side(model: nn.Module) -> int:
    """Return the number of patches along a side of an image, which is square; `model` is as for `pair_losses`."""
    config = model.config.vision_config
    return config.image_size // config.patch_size


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's loss: the mean cross-entropy of its answer's tokens after [DEC].

    Args:
        model: transformers' BlipForQuestionAnswering, with or without LoRA layers.
        batch: with answers.
        options: how the vision tower runs; None for the defaults.

    Returns:
        float32 of shape (pairs,). A pair's loss does not depend on the rest of the batch.
    """
    image_states = image_states_of(model, batch, options)
    cross_kv = encode_questions(model, replace(batch, image_states=image_states))
    inputs = batch.inputs
    logits = decode(model, inputs, cross_kv, inputs.rows)
    smoothing = model.text_decoder.label_smoothing
    losses = F.cross_entropy(logits.float(), batch.labels, reduction="none", label_smoothing=smoothing)
    return inputs.rows.total(losses) / inputs.rows.mask.sum(1)


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return the vision tower's states, (images, patches + 1, vision width); without gradient where it is frozen."""
    vision, options = model.vision_model, options or VisionOptions()
    trained = torch.is_grad_enabled() and any(weight.requires_grad for weight in vision.parameters())
    apply = _compiled_layer() if options.compiled else _vision_layer
    with torch.set_grad_enabled(trained):
        hidden = vision.embeddings(pictures.tensors["pixel_values"])
        for layer in vision.encoder.layers:
            if options.checkpointing and trained:
                hidden = checkpoint(apply, layer, hidden, use_reentrant=False)
            else:
                hidden = apply(layer, hidden)
        # Autocast on a GPU runs layer norm in float32.
        return Ragged.one_each("states", vision.post_layernorm(hidden).to(hidden.dtype))


def _vision_layer(layer: nn.Module, hidden: Tensor) -> Tensor:
    attention = layer.self_attn
    qkv = attention.qkv(layer.layer_norm1(hidden))
    query, key, value = (heads(part, attention.num_heads) for part in qkv.chunk(3, dim=-1))
    dropout = attention.dropout.p if attention.training else 0.0
    hidden = hidden + attention.projection(_merge(attend(query, key, value, dropout=dropout)))
    return hidden + layer.mlp(layer.layer_norm2(hidden))


@cache
def _compiled_layer() -> Callable[[nn.Module, Tensor], Tensor]:
    return torch.compile(_vision_layer, dynamic=False)


def encode_questions(model: nn.Module, batch: PackedBatch) -> KeysAndValues:
    """Return the decoder's cross-attention keys and values of the questions of a batch that holds image states."""
    return keys_and_values(model, question_states(model, batch), batch.questions.rows)


def question_states(model: nn.Module, batch: PackedBatch) -> Tensor:
    """Return the states of the questions' tokens, conditioned on their images: (tokens, text width)."""
    encoder, rows, by_image = model.text_encoder, batch.packed.rows, batch.by_image
    image_states = batch.image_states.tensors["states"]
    hidden = _embed(encoder, batch.questions)
    for layer in encoder.encoder.layer:
        inner, count = layer.attention.self, layer.attention.self.num_attention_heads
        query, key, value = (
            heads(rows.pad(part(hidden)), count) for part in (inner.query, inner.key, inner.value)
        )
        mixed = attend(query, key, value, batch.packed.mask, dropout=_dropout(inner))
        hidden = layer.attention.output(rows.unpad(_merge(mixed)), hidden)

        inner = layer.crossattention.self
        key, value = heads(inner.key(image_states), count), heads(inner.value(image_states), count)
        query = heads(by_image.pad(inner.query(hidden)), count)
        mixed = attend(query, key, value, dropout=_dropout(inner))
        hidden = layer.crossattention.output(by_image.unpad(_merge(mixed)), hidden)
        hidden = layer.feed_forward_chunk(hidden)
    return hidden


def keys_and_values(model: nn.Module, question_states: Tensor, rows: RowLayout) -> KeysAndValues:
    """Return the decoder's cross-attention keys and values.

    Args:
        model: as for `pair_losses`.
        question_states: (tokens, text width).
        rows: one question per row.
    """
    layers = []
    for layer in model.text_decoder.bert.encoder.layer:
        inner = layer.crossattention.self
        layers.append(
            tuple(
                heads(rows.pad(part(question_states)), inner.num_attention_heads)
                for part in (inner.key, inner.value)
            )
        )
    return KeysAndValues(layers, None if rows.in_order else rows.mask[:, None, None, :])


def decode(
    model: nn.Module,
    texts: Texts,
    questions: KeysAndValues,
    by_pair: RowLayout,
    past: Past | None = None,
) -> Tensor:
    """Return the logits of the token after each token of the texts: (tokens, vocabulary).

    Args:
        model: as for `pair_losses`.
        texts: the answers so far, in the order of the pairs; a pair may have several.
        questions: the cross-attention keys and values of the pairs.
        by_pair: the texts' tokens, one pair per row.
        past: the self-attention KV cache, with texts of one new token each: per layer the keys and values of the tokens
            so far, each (texts, heads, tokens, head width), or None at the first token. Updated in place.
    """
    decoder, rows = model.text_decoder.bert, texts.rows
    hidden = _embed(decoder, texts)
    for number, layer in enumerate(decoder.encoder.layer):
        inner, count = layer.attention.self, layer.attention.self.num_attention_heads
        query, key, value = (
            heads(rows.pad(part(hidden)), count) for part in (inner.query, inner.key, inner.value)
        )
        if past is not None:
            if past[number] is not None:
                key, value = (torch.cat(both, 2) for both in zip(past[number], (key, value), strict=True))
            past[number] = (key, value)
        # Padding comes last, so the causal mask covers it.
        mixed = attend(query, key, value, causal=past is None, dropout=_dropout(inner))
        hidden = layer.attention.output(rows.unpad(_merge(mixed)), hidden)

        inner, (key, value) = layer.crossattention.self, questions.layers[number]
        query = heads(by_pair.pad(inner.query(hidden)), count)
        mixed = attend(query, key, value, questions.mask, dropout=_dropout(inner))
        hidden = layer.crossattention.output(by_pair.unpad(_merge(mixed)), hidden)
        hidden = layer.feed_forward_chunk(hidden)
    return model.text_decoder.cls(hidden)


def attention_maps(
    model: nn.Module, batch: PackedBatch, answer: Sequence[int], options: VisionOptions | None = None
) -> tuple[tuple[Tensor, ...], ...]:
    """Return the attention weights of every layer for a given answer, (1, heads, queries, keys) each.

    Args:
        model: as for `pair_losses`.
        batch: one image with one question; an answer in it is not used.
        answer: token ids without [DEC] and [SEP]; may be empty.
        options: how the vision tower runs; None for the defaults.

    Returns:
        Question self-attention, question to patches (the class token first), answer self-attention (from [DEC] on),
        answer to question.
    """
    question = batch.questions.ids[None]
    images = image_states_of(model, batch, options).tensors["states"]
    encoded = model.text_encoder(
        input_ids=question,
        attention_mask=torch.ones_like(question),
        encoder_hidden_states=images,
        encoder_attention_mask=torch.ones(images.shape[:2], dtype=torch.int64, device=images.device),
        output_attentions=True,
    )
    answer_ids = torch.tensor([[model.decoder_start_token_id, *answer]], device=question.device)
    decoded = model.text_decoder(
        input_ids=answer_ids,
        attention_mask=torch.ones_like(answer_ids),
        encoder_hidden_states=encoded.last_hidden_state,
        encoder_attention_mask=torch.ones_like(question),
        output_attentions=True,
    )
    return encoded.attentions, encoded.cross_attentions, decoded.attentions, decoded.cross_attentions


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Return scaled dot-product attention, (rows, heads, queries, head width); `mask` is False where not to attend."""
    plain = query.is_cpu and query.dtype != torch.float32 and torch.is_grad_enabled() and not dropout
    if not plain:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, dropout_p=dropout
        )
    # On a CPU in bfloat16 the fused kernel's backward pass takes two to nine times as long as these matrix products.
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ value


def heads(states: Tensor, count: int) -> Tensor:
    """(rows, tokens, width) → (rows, heads, tokens, head width)."""
    return states.unflatten(-1, (count, -1)).transpose(1, 2)


def _merge(mixed: Tensor) -> Tensor:
    return mixed.transpose(1, 2).flatten(2)


def _embed(tower: nn.Module, texts: Texts) -> Tensor:
    return tower.embeddings(input_ids=texts.ids[None], position_ids=texts.positions[None])[0]


def _dropout(inner: nn.Module) -> float:
    return inner.dropout.p if inner.training else 0.0
