"""Language models that read images and questions in one sequence, with all questions of an image in one pass.

A row (`token_rows`) is an image: its prefix (the tokens before the question, the image's among them), then the tokens of
all its questions and, in training, of their answers. Positions begin anew after the prefix for every question, and a mask
lets a token see the prefix and its own question only, so a question computes what it would alone. The modules are
transformers' own, with any LoRA layers in them.

The last token of a prompt is the first that an answer is decoded from: a question ends before it. So an answer's first
token has a logit as every other one has, and a question is never computed twice.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache, DynamicCache

from vqatune.errors import ModelError
from vqatune.models.families.token_rows import PADDING, PREFIX, Slots, make_rows, positions_after, split_rows
from vqatune.models.family import AnswerTokens, Past, VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch, RowLayout, Texts, pairs_of_images


@dataclass(frozen=True)
class Language:
    """The parts of a model that read and write text."""

    model: nn.Module
    """From embedded tokens to their last states, as transformers' LlamaModel."""
    head: nn.Module
    """From last states to logits."""
    embed: nn.Module
    """From token ids to embeddings."""
    eager: bool
    """Whether attention is computed by transformers' eager code, which takes masks as numbers to add."""
    context: int
    """The largest number of tokens that it reads."""

    @classmethod
    def of(cls, model: nn.Module) -> "Language":
        """Return the parts of a model of transformers, with or without LoRA layers."""
        decoder = model.get_decoder()
        if hasattr(decoder, "lm_head"):
            decoder = decoder.get_decoder()
        config = decoder.config
        return cls(
            decoder,
            head=model.get_output_embeddings(),
            embed=model.get_input_embeddings(),
            eager=config._attn_implementation == "eager",
            context=config.max_position_embeddings,
        )

    def run(self, embedded: Tensor, positions: Tensor, mask: Tensor, cache: Cache | None) -> Tensor:
        """Return last states, (rows, width, features).

        Args:
            embedded: (rows, width, features).
            positions: (rows, width), or (axes, rows, width) where a position has several axes.
            mask: (rows, 1, width, keys), True where to attend.
            cache: of keys and values; None for none.

        Raises ModelError where a position is beyond the context.
        """
        last = int(positions.max())
        if last >= self.context:
            raise ModelError(
                f"an image with one question and its answer takes {last + 1} tokens, and the model reads {self.context}: take "
                "smaller images, or shorter questions"
            )
        if self.eager:
            added = torch.zeros(mask.shape, dtype=embedded.dtype, device=mask.device)
            mask = added.masked_fill(~mask, torch.finfo(embedded.dtype).min)
        return self.model(
            inputs_embeds=embedded,
            position_ids=positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state


@dataclass(frozen=True)
class PackedQuestions:
    """The keys and values of images with all their questions, a row an image: computed once, and never copied per question."""

    layers: list[tuple[Tensor, Tensor]]
    """Keys and values of each layer, (images, heads, width, head width)."""
    owner: Tensor
    """(images, width), int64: the number of the question that a token belongs to; PREFIX or PADDING."""
    row: Tensor
    """(pairs,), int64: the row of each question's image."""
    number: Tensor
    """(pairs,), int64: what `owner` calls each question."""
    position: Tensor
    """(pairs,), int64: the position of the first token of an answer."""

    @property
    def pairs(self) -> int:
        """The number of questions."""
        return len(self.row)

    def select(self, pairs: Tensor) -> "PackedQuestions":
        """Return some of the questions; an image without any leaves, too."""
        row = self.row.index_select(0, pairs)
        kept, place = torch.unique(row, return_inverse=True)
        layers, owner = self.layers, self.owner
        if len(kept) < len(owner):
            layers = [(key.index_select(0, kept), value.index_select(0, kept)) for key, value in layers]
            owner, row = owner.index_select(0, kept), place
        number, position = (tensor.index_select(0, pairs) for tensor in (self.number, self.position))
        return PackedQuestions(layers, owner, row, number, position)


def answer_tokens(model: nn.Module) -> AnswerTokens:
    """Return the vocabulary of a model's answers; `Prompt.tell_model` has told it where they start and end."""
    config = model.config.get_text_config()
    padding = config.pad_token_id
    return AnswerTokens(
        start=model.answer_start,
        end=model.answer_end,
        padding=model.answer_end if padding is None else padding,
        count=config.vocab_size,
        layers=config.num_hidden_layers,
    )


def encode_questions(model: nn.Module, batch: PackedBatch) -> PackedQuestions:
    """Return the keys and values of the questions of a batch that holds image states (`image_prefix.embed_prefixes`)."""
    language = Language.of(model)
    lengths = batch.questions.rows.mask.sum(1)
    states, counts = split_rows(batch.image_states, pairs_of_images(batch))
    rows = make_rows(states, counts, lengths, batch.questions.positions)
    flat = torch.cat([states.tensors["prefix"], language.embed(batch.questions.ids)])
    cache = DynamicCache()
    language.run(rows.pad(flat), rows.positions, rows.mask(), cache)
    row = torch.arange(len(counts), device=lengths.device).repeat_interleave(counts)
    position = positions_after(states)[row] + lengths
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    return PackedQuestions(layers, rows.owner, row, torch.arange(len(row), device=row.device), position)


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's mean cross-entropy over its answer's tokens, as Family.pair_losses."""
    language, images = Language.of(model), image_states_of(model, batch, options)
    asked, answered = (texts.rows.mask.sum(1) for texts in (batch.questions, batch.inputs))
    lengths = asked + answered
    starts = lengths.cumsum(0) - lengths
    pairs = torch.arange(len(lengths), device=lengths.device)
    # A pair's question and the inputs of its answer are one text.
    at_question = starts[pairs.repeat_interleave(asked)] + batch.questions.positions
    at_answer = (starts + asked)[pairs.repeat_interleave(answered)] + batch.inputs.positions
    ids = torch.empty(int(lengths.sum()), dtype=torch.int64, device=lengths.device)
    ids[at_question], ids[at_answer] = batch.questions.ids, batch.inputs.ids
    positions = torch.arange(len(ids), device=ids.device) - starts[pairs.repeat_interleave(lengths)]
    images, counts = split_rows(images, pairs_of_images(batch))
    rows = make_rows(images, counts, lengths, positions)
    prefix = images.tensors["prefix"]
    flat = torch.cat([prefix, language.embed(ids)])
    states = language.run(rows.pad(flat), rows.positions, rows.mask(), None)
    states = states.flatten(0, 1).index_select(0, rows.slot[len(prefix) + at_answer])
    losses = F.cross_entropy(language.head(states).float(), batch.labels, reduction="none")
    return batch.inputs.rows.total(losses) / answered


def decode(
    model: nn.Module,
    texts: Texts,
    questions: PackedQuestions,
    by_pair: RowLayout,
    past: Past | None = None,
) -> Tensor:
    """Return the logits of the token after each token of the texts, (tokens, vocabulary), as Family.decode."""
    language, device = Language.of(model), texts.ids.device
    text = texts.rows.slot // texts.rows.mask.shape[1]
    pair = by_pair.slot // by_pair.mask.shape[1]
    row = questions.row[pair]
    new = Slots.of(row, len(questions.owner))
    kept = 0 if past is None or past[0] is None else past[0][0].shape[2]
    of_text = row.new_empty(len(texts.rows.mask))
    of_text[text] = row
    old = Slots.of(of_text.repeat_interleave(kept), len(questions.owner))
    # Who owns the keys: of the image's row, of the earlier tokens, of these tokens.
    texts_of_old = torch.arange(len(of_text), device=device).repeat_interleave(kept)
    number = new.pad(questions.number[pair], PADDING)
    own_text, old_text = new.pad(text, PADDING), old.pad(texts_of_old, PADDING - 1)
    to_row = (questions.owner[:, None, :] == number[:, :, None]) | (questions.owner == PREFIX)[:, None, :]
    to_old = old_text[:, None, :] == own_text[:, :, None]
    index = torch.arange(new.width, device=device)
    to_new = (own_text[:, None, :] == own_text[:, :, None]) & (index[None, :] <= index[:, None])
    mask = torch.cat([to_row, to_old, to_new], 2)[:, None]
    positions = new.pad(questions.position[pair] + texts.positions, 0)
    embedded = language.embed(texts.ids)
    rows = embedded.new_zeros(len(questions.owner) * new.width, embedded.shape[-1])
    rows = rows.index_copy(0, new.slot, embedded).view(len(questions.owner), new.width, -1)
    cache = _Joined(questions, past, old, new)
    states = language.run(rows, positions, mask, cache)
    return language.head(states.flatten(0, 1).index_select(0, new.slot))


class _Joined(Cache):
    """What the layers of a language model attend to while answers are decoded, and where they leave new keys and values."""

    def __init__(self, questions: PackedQuestions, past: Past | None, old: Slots, new: Slots) -> None:
        super().__init__(layers=[])
        self._questions, self._past, self._old, self._new = questions, past, old, new

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Return the keys and values of the row, of the texts' earlier tokens, and of these tokens: a layer calls it."""
        both = []
        earlier = None if self._past is None else self._past[layer_idx]
        for place, now in enumerate((key_states, value_states)):
            parts = [self._questions.layers[layer_idx][place]]
            if earlier is not None:
                # (texts, heads, tokens, head width) → a token after the other.
                parts.append(self._old.pad_heads(earlier[place].transpose(1, 2).flatten(0, 1)))
            both.append(torch.cat([*parts, now], 2))
        if self._past is not None:
            states = [
                now.transpose(1, 2).flatten(0, 1).index_select(0, self._new.slot)[:, :, None]
                for now in (key_states, value_states)
            ]
            if earlier is not None:
                states = [torch.cat(pair, 2) for pair in zip(earlier, states, strict=True)]
            self._past[layer_idx] = (states[0], states[1])
        return both[0], both[1]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the number of tokens of a row, which is not what positions follow: these are given."""
        return self._questions.owner.shape[1]
