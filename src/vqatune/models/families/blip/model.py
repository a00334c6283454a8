"""BLIP for visual question answering, with all questions of an image in one pass.

The vision tower runs once per image. In the question encoder the keys and values of an image are computed once
and serve all its questions: the questions of an image are laid side by side as one long row of queries, which is
exact because queries do not see each other. Texts lie end to end, so that padding costs nothing outside of
attention. The modules are transformers' own (so that LoRA layers put in their place are used); only the order of
the work differs from `BlipForQuestionAnswering.forward`.

Li et al., BLIP, 2022, https://arxiv.org/abs/2201.12086; the question starts with [ENC], the answer with [DEC].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vqatune.models.packing import Batch, Rows, Texts


@dataclass(frozen=True)
class Tower:
    """How the vision tower runs; what it computes is the same."""

    checkpointing: bool = False
    """In training, keep a layer's input only and compute the layer again in the backward pass."""
    compiled: bool = False
    """Let torch.compile make a kernel of each layer."""


@dataclass(frozen=True)
class Memory:
    """What the decoder looks up in the questions: keys and values, (pairs, heads, question tokens, head width)."""

    layers: list[tuple[Tensor, Tensor]]
    mask: Tensor | None
    """(pairs, 1, 1, question tokens), bool; None where nothing is padded."""

    def select(self, pairs: Tensor) -> "Memory":
        """Return the memory of some of the pairs."""
        layers = [(key.index_select(0, pairs), value.index_select(0, pairs)) for key, value in self.layers]
        return Memory(layers, None if self.mask is None else self.mask.index_select(0, pairs))


def pair_losses(model: nn.Module, batch: Batch, tower: Tower | None = None) -> Tensor:
    """Return each pair's loss: the mean cross entropy of its answer's tokens after [DEC].

    Args:
        model: transformers' BlipForQuestionAnswering, with or without LoRA layers in it.
        batch: with answers.
        tower: how the vision tower runs.

    Returns:
        float32 of shape (pairs,). A pair's loss does not depend on the rest of the batch.
    """
    states = encode_questions(model, look(model, batch, tower), batch)
    memory = remember(model, states, batch.questions.rows)
    inputs = batch.inputs
    logits = decode(model, inputs, memory, inputs.rows)
    smoothing = model.text_decoder.label_smoothing
    losses = F.cross_entropy(logits.float(), batch.labels, reduction="none", label_smoothing=smoothing)
    return inputs.rows.total(losses) / inputs.rows.seen.sum(1)


def look(model: nn.Module, batch: Batch, tower: Tower | None = None) -> Tensor:
    """Return the vision tower's states of a batch, which may hold them already."""
    return (
        encode_images(model, batch.pixel_values, tower) if batch.image_states is None else batch.image_states
    )


def encode_images(model: nn.Module, pixel_values: Tensor, tower: Tower | None = None) -> Tensor:
    """Return the vision tower's states, (images, patches + 1, vision width); without gradient if it is not trained."""
    vision, tower = model.vision_model, tower or Tower()
    trained = torch.is_grad_enabled() and any(weight.requires_grad for weight in vision.parameters())
    apply = _compiled_layer() if tower.compiled else _vision_layer
    with torch.set_grad_enabled(trained):
        hidden = vision.embeddings(pixel_values)
        for layer in vision.encoder.layers:
            if tower.checkpointing and trained:
                hidden = checkpoint(apply, layer, hidden, use_reentrant=False)
            else:
                hidden = apply(layer, hidden)
        # A GPU's autocast normalises in float32.
        return vision.post_layernorm(hidden).to(hidden.dtype)


def _vision_layer(layer: nn.Module, hidden: Tensor) -> Tensor:
    attention = layer.self_attn
    qkv = attention.qkv(layer.layer_norm1(hidden))
    query, key, value = (heads(part, attention.num_heads) for part in qkv.chunk(3, dim=-1))
    dropout = attention.dropout.p if attention.training else 0.0
    hidden = hidden + attention.projection(_merge(attend(query, key, value, dropout=dropout)))
    return hidden + layer.mlp(layer.layer_norm2(hidden))


@cache
def _compiled_layer():
    return torch.compile(_vision_layer, dynamic=False)


def encode_questions(model: nn.Module, image_states: Tensor, batch: Batch) -> Tensor:
    """Return the states of the questions' tokens, each having looked at its image: (tokens, text width)."""
    encoder, rows, by_image = model.text_encoder, batch.shared.rows, batch.by_image
    hidden = _embed(encoder, batch.questions)
    for layer in encoder.encoder.layer:
        inner, count = layer.attention.self, layer.attention.self.num_attention_heads
        query, key, value = (
            heads(rows.lay(part(hidden)), count) for part in (inner.query, inner.key, inner.value)
        )
        mixed = attend(query, key, value, batch.shared.mask, dropout=_dropout(inner))
        hidden = layer.attention.output(rows.lift(_merge(mixed)), hidden)

        inner = layer.crossattention.self
        key, value = heads(inner.key(image_states), count), heads(inner.value(image_states), count)
        query = heads(by_image.lay(inner.query(hidden)), count)
        mixed = attend(query, key, value, dropout=_dropout(inner))
        hidden = layer.crossattention.output(by_image.lift(_merge(mixed)), hidden)
        hidden = layer.feed_forward_chunk(hidden)
    return hidden


def remember(model: nn.Module, question_states: Tensor, rows: Rows) -> Memory:
    """Return what the decoder's layers look up in the questions' states, (tokens, text width)."""
    layers = []
    for layer in model.text_decoder.bert.encoder.layer:
        inner = layer.crossattention.self
        layers.append(
            tuple(
                heads(rows.lay(part(question_states)), inner.num_attention_heads)
                for part in (inner.key, inner.value)
            )
        )
    return Memory(layers, None if rows.full else rows.seen[:, None, None, :])


def decode(
    model: nn.Module,
    texts: Texts,
    memory: Memory,
    by_pair: Rows,
    past: list[tuple[Tensor, Tensor]] | None = None,
) -> Tensor:
    """Return the logits of the token after each token of the texts: (tokens, vocabulary).

    Args:
        model: as for `pair_losses`.
        texts: what has been answered, in the order of the pairs; several texts may answer one.
        memory: of the pairs.
        by_pair: the texts' tokens, a row a pair.
        past: with texts of one token each, the keys and values of the tokens before them, a tuple of two (texts,
            heads, tokens, head width) a layer; these tokens' own are appended in place. A list of None to begin.
    """
    decoder, rows = model.text_decoder.bert, texts.rows
    hidden = _embed(decoder, texts)
    for number, layer in enumerate(decoder.encoder.layer):
        inner, count = layer.attention.self, layer.attention.self.num_attention_heads
        query, key, value = (
            heads(rows.lay(part(hidden)), count) for part in (inner.query, inner.key, inner.value)
        )
        if past is not None:
            if past[number] is not None:
                key, value = (torch.cat(both, 2) for both in zip(past[number], (key, value), strict=True))
            past[number] = (key, value)
        # Padding comes last, so what is causal never sees it.
        mixed = attend(query, key, value, causal=past is None, dropout=_dropout(inner))
        hidden = layer.attention.output(rows.lift(_merge(mixed)), hidden)

        inner, (key, value) = layer.crossattention.self, memory.layers[number]
        query = heads(by_pair.lay(inner.query(hidden)), count)
        mixed = attend(query, key, value, memory.mask, dropout=_dropout(inner))
        hidden = layer.crossattention.output(by_pair.lift(_merge(mixed)), hidden)
        hidden = layer.feed_forward_chunk(hidden)
    return model.text_decoder.cls(hidden)


def attention_maps(
    model: nn.Module, batch: Batch, answer: Sequence[int], tower: Tower | None = None
) -> tuple[tuple[Tensor, ...], ...]:
    """Return the attention of every layer when a model gave an answer, (1, heads, queries, keys) each.

    Args:
        model: as for `pair_losses`.
        batch: one image with one question; its answer, if it has one, is not used.
        answer: token ids of the answer without [DEC] and [SEP]; may be empty.
        tower: how the vision tower runs.

    Returns:
        Four kinds: question to itself, question to patches (the class token first), answer to itself (from [DEC]
        on), answer to question.
    """
    question, images = batch.questions.ids[None], look(model, batch, tower)
    asked = model.text_encoder(
        input_ids=question,
        attention_mask=torch.ones_like(question),
        encoder_hidden_states=images,
        encoder_attention_mask=torch.ones(images.shape[:2], dtype=torch.int64, device=images.device),
        output_attentions=True,
    )
    said = torch.tensor([[model.decoder_start_token_id, *answer]], device=question.device)
    answered = model.text_decoder(
        input_ids=said,
        attention_mask=torch.ones_like(said),
        encoder_hidden_states=asked.last_hidden_state,
        encoder_attention_mask=torch.ones_like(question),
        output_attentions=True,
    )
    return asked.attentions, asked.cross_attentions, answered.attentions, answered.cross_attentions


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Return scaled dot-product attention, (rows, heads, queries, head width)."""
    plain = query.is_cpu and query.dtype != torch.float32 and torch.is_grad_enabled() and not dropout
    if not plain:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, dropout_p=dropout
        )
    # On a CPU the fused kernel's backward pass takes two to nine times as long in bfloat16 as these matrix products.
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
