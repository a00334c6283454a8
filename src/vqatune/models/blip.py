"""BLIP for visual question answering, with all questions of an image in one pass.

The vision tower runs once per image. In the question encoder the keys and values of an image are computed once
and serve all its questions: the questions of an image are laid side by side as one long row of queries, which is
exact because queries do not see each other. The modules are transformers' own (so that LoRA layers put in their
place are used); only the order of the work differs from `BlipForQuestionAnswering.forward`, and the attention is
`scaled_dot_product_attention`.

Li et al., BLIP, 2022, https://arxiv.org/abs/2201.12086; the question starts with [ENC], the answer with [DEC].
"""

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """Images with their questions and, in training, their answers; the questions of an image are neighbours."""

    pixel_values: Tensor
    """(images, 3, height, width), float, normalised."""
    question_ids: Tensor
    """(pairs, question tokens), int64, from [ENC] to [SEP], padded on the right."""
    question_mask: Tensor
    """(pairs, question tokens), bool, False on padding."""
    image_index: Tensor
    """(pairs,), int64, ascending: the row of `pixel_values` that a question is about."""
    answer_ids: Tensor | None = None
    """(pairs, answer tokens), int64, from [DEC] to [SEP], padded on the right."""
    answer_mask: Tensor | None = None
    """(pairs, answer tokens), bool, False on padding."""

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on another device."""
        moved = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(**{name: value if value is None else value.to(device) for name, value in moved.items()})


def pair_losses(model: nn.Module, batch: Batch) -> Tensor:
    """Return each pair's loss: the mean cross entropy of its answer's tokens after [DEC], padding left out.

    Args:
        model: transformers' BlipForQuestionAnswering, with or without LoRA layers in it.
        batch: with answers.

    Returns:
        Float of shape (pairs,). A pair's loss does not depend on the rest of the batch.
    """
    states = encode_questions(model, encode_images(model, batch.pixel_values), batch)
    logits = _answer_logits(model, batch.answer_ids[:, :-1], states, batch.question_mask)
    labels = batch.answer_ids[:, 1:].masked_fill(~batch.answer_mask[:, 1:], IGNORED)
    losses = F.cross_entropy(
        logits.transpose(1, 2),
        labels,
        ignore_index=IGNORED,
        reduction="none",
        label_smoothing=model.text_decoder.label_smoothing,
    )
    return losses.sum(1) / (labels != IGNORED).sum(1)


@torch.inference_mode()
def greedy_answers(model: nn.Module, batch: Batch, max_tokens: int) -> tuple[Tensor, Tensor]:
    """Return the greedy answer to every question and its log-probability.

    Args:
        model: as for `pair_losses`.
        batch: answers are not needed.
        max_tokens: the most tokens an answer may have, its final [SEP] included.

    Returns:
        Token ids after [DEC], int64 of shape (pairs, at most max_tokens), padded after [SEP]; and the sum of the
        chosen tokens' natural log-probabilities, float32 of shape (pairs,).
    """
    config = model.config.text_config
    states = encode_questions(model, encode_images(model, batch.pixel_values), batch)
    pairs = len(batch.question_ids)
    ids = batch.question_ids.new_full((pairs, 1), model.decoder_start_token_id)
    log_probability = states.new_zeros(pairs, dtype=torch.float32)
    done = torch.zeros(pairs, dtype=torch.bool, device=states.device)
    for _ in range(max_tokens):
        logits = _answer_logits(model, ids, states, batch.question_mask)[:, -1]
        best, token = logits.float().log_softmax(-1).max(-1)
        log_probability += best.masked_fill(done, 0.0)
        token = token.masked_fill(done, config.pad_token_id)
        ids = torch.cat([ids, token[:, None]], 1)
        done |= token == config.sep_token_id
        if done.all():
            break
    return ids[:, 1:], log_probability


def encode_images(model: nn.Module, pixel_values: Tensor) -> Tensor:
    """Return the vision tower's states, (images, patches + 1, vision width)."""
    tower = model.vision_model
    hidden = tower.embeddings(pixel_values)
    for layer in tower.encoder.layers:
        attention = layer.self_attn
        qkv = attention.qkv(layer.layer_norm1(hidden))
        query, key, value = (_heads(part, attention.num_heads) for part in qkv.chunk(3, dim=-1))
        dropout = attention.dropout.p if attention.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        hidden = hidden + attention.projection(_merge(mixed))
        hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
    return tower.post_layernorm(hidden)


def encode_questions(model: nn.Module, image_states: Tensor, batch: Batch) -> Tensor:
    """Return the states of the questions, each having looked at its image: (pairs, question tokens, text width)."""
    encoder = model.text_encoder
    hidden = encoder.embeddings(input_ids=batch.question_ids)
    seen = batch.question_mask[:, None, None, :]
    rows = _Rows(batch.image_index, len(image_states))
    for layer in encoder.encoder.layer:
        hidden = _self_attend(layer.attention, hidden, mask=seen)
        hidden = _look_at_images(layer.crossattention, hidden, image_states, rows)
        hidden = layer.feed_forward_chunk(hidden)
    return hidden


def _answer_logits(model: nn.Module, ids: Tensor, question_states: Tensor, question_mask: Tensor) -> Tensor:
    decoder = model.text_decoder.bert
    hidden = decoder.embeddings(input_ids=ids)
    seen = question_mask[:, None, None, :]
    for layer in decoder.encoder.layer:
        # Padding comes last, so what is causal never sees it.
        hidden = _self_attend(layer.attention, hidden, causal=True)
        hidden = _attend(layer.crossattention, hidden, question_states, mask=seen)
        hidden = layer.feed_forward_chunk(hidden)
    return model.text_decoder.cls(hidden)


class _Rows:
    """Lays the questions of each image side by side and takes them apart again."""

    def __init__(self, image_index: Tensor, images: int) -> None:
        self.counts = torch.bincount(image_index, minlength=images)
        self.width = int(self.counts.max())
        first = self.counts.cumsum(0) - self.counts
        place = torch.arange(len(image_index), device=image_index.device) - first[image_index]
        self.images, self.slot = images, image_index * self.width + place

    def together(self, hidden: Tensor) -> Tensor:
        """(pairs, tokens, width) → (images, questions · tokens, width)."""
        _, tokens, width = hidden.shape
        laid = hidden.new_zeros(self.images * self.width, tokens, width).index_copy(0, self.slot, hidden)
        return laid.view(self.images, self.width * tokens, width)

    def apart(self, laid: Tensor, tokens: int) -> Tensor:
        """(images, questions · tokens, width) → (pairs, tokens, width)."""
        return laid.reshape(self.images * self.width, tokens, -1).index_select(0, self.slot)


def _look_at_images(attention: nn.Module, hidden: Tensor, image_states: Tensor, rows: _Rows) -> Tensor:
    inner, count = attention.self, attention.self.num_attention_heads
    query = _heads(rows.together(inner.query(hidden)), count)
    key, value = _heads(inner.key(image_states), count), _heads(inner.value(image_states), count)
    mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=_dropout(inner))
    return attention.output(rows.apart(_merge(mixed), hidden.shape[1]), hidden)


def _self_attend(
    attention: nn.Module, hidden: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    return _attend(attention, hidden, hidden, mask, causal)


def _attend(
    attention: nn.Module, hidden: Tensor, states: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    inner, count = attention.self, attention.self.num_attention_heads
    query, key, value = inner.query(hidden), inner.key(states), inner.value(states)
    mixed = F.scaled_dot_product_attention(
        _heads(query, count),
        _heads(key, count),
        _heads(value, count),
        attn_mask=mask,
        dropout_p=_dropout(inner),
        is_causal=causal,
    )
    return attention.output(_merge(mixed), hidden)


def _dropout(inner: nn.Module) -> float:
    return inner.dropout.p if inner.training else 0.0


def _heads(states: Tensor, count: int) -> Tensor:
    return states.unflatten(-1, (count, -1)).transpose(1, 2)


def _merge(mixed: Tensor) -> Tensor:
    return mixed.transpose(1, 2).flatten(2)
