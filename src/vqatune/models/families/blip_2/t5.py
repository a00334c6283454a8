"""BLIP-2's T5: an encoder reads an image's tokens together with a question, and a decoder attends to its states.

The encoder is bidirectional: what it makes of an image depends on the question, so its rows are questions, and only the
vision tower and the Q-Former run once an image. The decoder's cross-attention keys and values are computed once a
question, and its self-attention has a text a row, so that neither is copied for the answers of a question. The modules
are transformers' own, with any LoRA layers in them; only the layout of their rows differs from
`T5ForConditionalGeneration.forward`.

Raffel et al., T5, 2020, https://arxiv.org/abs/1910.10683; Chung et al., FLAN-T5, 2022, https://arxiv.org/abs/2210.11416.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer

from vqatune.errors import ParameterError
from vqatune.models.families.cross_attention import KeysAndValues
from vqatune.models.family import AnswerTokens, Past, VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch, RowLayout, Texts, pairs_of_images


def answer_tokens(model: nn.Module) -> AnswerTokens:
    """Return the vocabulary of a model's answers."""
    config = model.config.text_config
    return AnswerTokens(
        start=config.decoder_start_token_id,
        end=config.eos_token_id,
        padding=config.pad_token_id,
        count=config.vocab_size,
        layers=config.num_decoder_layers,
    )


def encode_questions(model: nn.Module, batch: PackedBatch) -> KeysAndValues:
    """Return the decoder's cross-attention keys and values of the questions of a batch that holds image states.

    Raises ParameterError in fp16.
    """
    language, states, rows = model.language_model, batch.image_states, batch.questions.rows
    embedded = model.get_input_embeddings()(batch.questions.ids)
    if embedded.dtype == torch.float16:
        raise ParameterError(
            "T5 computes values beyond the range of fp16: set compute.precision to bf16 or float32"
        )
    # An image has the same number of tokens as every other one.
    images = states.tensors["prefix"].unflatten(0, (len(states), -1))
    images = images.repeat_interleave(pairs_of_images(batch), 0)
    mask = F.pad(rows.mask, (images.shape[1], 0), value=True)
    # Padding comes last, so that it moves no token, and relative positions are those of the question alone.
    encoded = language.encoder(
        inputs_embeds=torch.cat([images, rows.pad(embedded)], 1), attention_mask=mask
    ).last_hidden_state
    layers = []
    for block in language.decoder.block:
        inner = block.layer[1].EncDecAttention
        key, value = (
            part(encoded).unflatten(-1, (inner.n_heads, -1)).transpose(1, 2) for part in (inner.k, inner.v)
        )
        layers.append((key, value))
    return KeysAndValues(layers, None if rows.in_order else mask[:, None, None, :])


def decode(
    model: nn.Module,
    texts: Texts,
    questions: KeysAndValues,
    by_pair: RowLayout,
    past: Past | None = None,
) -> Tensor:
    """Return the logits of the token after each token of the texts, (tokens, vocabulary), as Family.decode."""
    language, decoder, rows = model.language_model, model.language_model.decoder, texts.rows
    kept = 0 if past is None or past[0] is None else past[0][0].shape[2]
    own_bias = _self_bias(decoder, rows.mask.shape[1], kept)
    question_bias = _cross_bias(questions)
    cache = EncoderDecoderCache(
        _cache([None] * len(questions.layers) if past is None else past), _cache(questions.layers)
    )
    hidden = decoder.dropout(model.get_input_embeddings()(texts.ids))
    for block in decoder.block:
        attention, cross_attention, feed_forward = block.layer
        # A bias that is given is taken as it is, with the mask in it, by all of transformers' attention code.
        mixed, *_ = attention(
            rows.pad(hidden), position_bias=own_bias, past_key_values=None if past is None else cache
        )
        mixed, *_ = cross_attention(
            by_pair.pad(rows.unpad(mixed)),
            # Its keys and values are in the cache; this only says that it is cross-attention.
            key_value_states=questions.layers[0][0],
            position_bias=question_bias,
            past_key_values=cache,
        )
        hidden = feed_forward(by_pair.unpad(mixed))
    if past is not None:
        past[:] = [(layer.keys, layer.values) for layer in cache.self_attention_cache.layers]
    hidden = decoder.dropout(decoder.final_layer_norm(hidden))
    if language.config.scale_decoder_outputs:
        hidden = hidden * language.model_dim**-0.5
    return language.lm_head(hidden)


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's mean cross-entropy over its answer's tokens, as Family.pair_losses."""
    states = image_states_of(model, batch, options)
    questions = encode_questions(model, replace(batch, image_states=states))
    inputs = batch.inputs
    logits = decode(model, inputs, questions, inputs.rows)
    losses = F.cross_entropy(logits.float(), batch.labels, reduction="none")
    return inputs.rows.total(losses) / inputs.rows.mask.sum(1)


def _self_bias(decoder: nn.Module, width: int, kept: int) -> Tensor:
    """Return what is added to the scores of self-attention: by distance, and to exclude later tokens.

    Args:
        decoder: whose first layer has the biases of all.
        width: the number of new tokens.
        kept: the number of earlier ones.

    Returns:
        (1, heads, width, kept + width).
    """
    bias = decoder.block[0].layer[0].SelfAttention.compute_bias(width, kept + width, past_seen_tokens=kept)
    # Padding comes last, so the causal mask covers it.
    seen = torch.ones(width, kept + width, dtype=torch.bool, device=bias.device).tril(kept)
    return bias.masked_fill(~seen, torch.finfo(bias.dtype).min)


def _cross_bias(questions: KeysAndValues) -> Tensor:
    """Return what is added to the scores of cross-attention, to exclude padding: (pairs or 1, 1, 1, question tokens)."""
    key, _ = questions.layers[0]
    if questions.mask is None:
        return key.new_zeros(1, 1, 1, key.shape[2])
    return key.new_zeros(questions.mask.shape).masked_fill(~questions.mask, torch.finfo(key.dtype).min)


def _cache(layers: Sequence[tuple[Tensor, Tensor] | None]) -> DynamicCache:
    """Return a cache that holds keys and values as they are; transformers' own way to fill one copies them."""
    cache = DynamicCache()
    for kept in layers:
        layer = DynamicLayer()
        if kept is not None:
            layer.lazy_initialization(*kept)
            layer.keys, layer.values = kept
        cache.layers.append(layer)
    return cache
