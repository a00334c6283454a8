"""Texts of different lengths without padding: tokens are concatenated, and only attention pads them into rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

import torch
from torch import Tensor

from vqatune.loading.ragged import Ragged

Moved = TypeVar("Moved")


class _Pad(torch.autograd.Function):
    """Gather tokens into padded rows. Attention masks the padding, so it holds any token and gets no gradient."""

    @staticmethod
    def forward(context: Any, flat: Tensor, token: Tensor, slot: Tensor) -> Tensor:
        context.save_for_backward(slot)
        return flat.index_select(0, token)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.index_select(0, context.saved_tensors[0]), None, None


class _Unpad(torch.autograd.Function):
    """Gather the tokens out of padded rows. No two share a slot, so the backward pass copies and adds nothing up."""

    @staticmethod
    def forward(context: Any, padded: Tensor, slot: Tensor) -> Tensor:
        context.save_for_backward(slot)
        context.shape = padded.shape
        return padded.index_select(0, slot)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.new_zeros(context.shape).index_copy_(0, context.saved_tensors[0], gradient), None


@dataclass(frozen=True)
class RowLayout:
    """The slots that concatenated tokens take in padded rows of equal width."""

    slot: Tensor
    """(tokens,), int64: each token's index into the flattened rows."""
    token: Tensor
    """(rows · width,), int64: the index of the token in each slot; any token on padding."""
    mask: Tensor
    """(rows, width), bool: False on padding."""
    in_order: bool
    """Whether the tokens, one after the other, are the rows: there is no padding, and no text changes its place."""

    def pad(self, flat: Tensor) -> Tensor:
        """(tokens, features) → (rows, width, features); padding holds arbitrary values and must be masked."""
        padded = flat if self.in_order else _Pad.apply(flat, self.token, self.slot)
        return padded.view(*self.mask.shape, -1)

    def unpad(self, padded: Tensor) -> Tensor:
        """(rows, width, features) → (tokens, features)."""
        flat = padded.flatten(0, 1)
        return flat if self.in_order else _Unpad.apply(flat, self.slot)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the values in each row: (tokens,) → (rows,)."""
        return self.pad(values[:, None])[..., 0].masked_fill(~self.mask, 0).sum(1)


def make_row_layout(lengths: Sequence[int]) -> RowLayout:
    """Return the layout of texts with these lengths, in tokens: one text per row, padded on the right."""
    counts = torch.tensor(lengths)
    width = int(counts.max())
    mask = torch.arange(width) < counts[:, None]
    return _layout(mask.flatten().nonzero()[:, 0], mask)


def _layout(slot: Tensor, mask: Tensor) -> RowLayout:
    token = torch.zeros(mask.numel(), dtype=torch.int64)
    tokens = torch.arange(len(slot))
    token[slot] = tokens
    return RowLayout(slot, token, mask, len(slot) == mask.numel() and bool((slot == tokens).all()))


@dataclass(frozen=True)
class PackedRows:
    """Rows that hold several texts each (sequence packing), as wide as the longest text."""

    rows: RowLayout
    mask: Tensor | None
    """(rows, 1, width, width), bool: True where both tokens are of one text; None where each row is one full text."""


def pack_rows(lengths: Sequence[int]) -> PackedRows:
    """Pack texts of these lengths, in tokens: the longest first, each into the fullest row with room (best fit)."""
    width, starts = max(lengths), {}
    free: dict[int, list[int]] = {}
    rows = 0
    for text in sorted(range(len(lengths)), key=lambda text: -lengths[text]):
        room = next((room for room in range(lengths[text], width) if free.get(room)), None)
        if room is None:
            row, room, rows = rows, width, rows + 1
        else:
            row = free[room].pop()
        starts[text] = row * width + width - room
        free.setdefault(room - lengths[text], []).append(row)
    # Padding attends to padding: a fully masked query would give NaN.
    owner = torch.full((rows * width,), -1)
    slot = torch.cat(
        [torch.arange(starts[text], starts[text] + length) for text, length in enumerate(lengths)]
    )
    owner[slot] = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    owner = owner.view(rows, width)
    mask = owner[:, None, :, None] == owner[:, None, None, :]
    return PackedRows(_layout(slot, owner >= 0), None if bool(mask.all()) else mask)


@dataclass(frozen=True)
class Texts:
    """Token ids of texts, concatenated."""

    ids: Tensor
    """(tokens,), int64."""
    positions: Tensor
    """(tokens,), int64: each token's position in its text."""
    rows: RowLayout
    """One text per row."""


def make_texts(ids: Sequence[Sequence[int]]) -> Texts:
    """Concatenate texts given as lists of token ids; none may be empty."""
    lengths = [len(text) for text in ids]
    starts = torch.tensor([0, *accumulate(lengths[:-1])]).repeat_interleave(torch.tensor(lengths))
    flat = torch.tensor([token for text in ids for token in text])
    return Texts(flat, torch.arange(len(flat)) - starts, make_row_layout(lengths))


@dataclass(frozen=True)
class PackedBatch:
    """Images with their questions and, in training, their answers; an image's questions are adjacent."""

    pictures: Ragged | None
    """The preprocessed images; None where `image_states` is set."""
    questions: Texts
    """Their token ids, image by image."""
    packed: PackedRows
    """The questions' tokens, several questions per row, for self-attention."""
    by_image: RowLayout
    """The questions' tokens, one image per row, for cross-attention."""
    inputs: Texts | None = None
    """The decoder's inputs: the answers from the start token to the last before the end token."""
    labels: Tensor | None = None
    """(tokens of inputs,), int64: the token that follows each."""
    image_states: Ragged | None = None
    """What the family's `encode_images` returns, where it is computed already."""

    @property
    def pairs(self) -> int:
        """The number of questions."""
        return len(self.questions.rows.mask)

    @property
    def padding(self) -> float:
        """The share of padding in attention's rows; nothing else is padded."""
        layouts = [self.packed.rows, self.by_image] + ([self.inputs.rows] if self.inputs else [])
        return 1 - sum(len(rows.slot) for rows in layouts) / sum(rows.mask.numel() for rows in layouts)


def pack_batch(
    pictures: Ragged | None,
    counts: Sequence[int],
    questions: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]] | None = None,
) -> PackedBatch:
    """Pack images with all their questions into one batch.

    Args:
        pictures: the preprocessed images; None where `image_states` will be set.
        counts: the number of questions of each image, at least one.
        questions: their token ids, image by image.
        answers: token ids from the start to the end token, in the order of the questions; None for inference.
    """
    lengths = [len(question) for question in questions]
    remaining = iter(lengths)
    by_image = make_row_layout([sum(next(remaining) for _ in range(count)) for count in counts])
    batch = PackedBatch(pictures, make_texts(questions), pack_rows(lengths), by_image)
    if answers is None:
        return batch
    labels = torch.tensor([token for answer in answers for token in answer[1:]])
    return replace(batch, inputs=make_texts([answer[:-1] for answer in answers]), labels=labels)


def pairs_of_images(batch: PackedBatch) -> Tensor:
    """Return the number of questions of each image of a batch: (images,), int64."""
    ends = batch.questions.rows.mask.sum(1).cumsum(0)
    image_ends = batch.by_image.mask.sum(1).cumsum(0)
    reached = torch.searchsorted(ends, image_ends)
    return torch.diff(reached + 1, prepend=reached.new_zeros(1))


def split_pairs(batch: PackedBatch) -> Iterator[PackedBatch]:
    """Split a batch with answers into batches of one pair each."""
    image = torch.div(batch.by_image.slot, batch.by_image.mask.shape[1], rounding_mode="floor")
    ends = batch.questions.rows.mask.sum(1).cumsum(0)
    questions = batch.questions.ids.tensor_split(ends[:-1].cpu())
    cuts = batch.inputs.rows.mask.sum(1).cumsum(0)[:-1].cpu()
    answers = zip(batch.inputs.ids.tensor_split(cuts), batch.labels.tensor_split(cuts), strict=True)
    for question, (inputs, labels), end in zip(questions, answers, ends.tolist(), strict=True):
        own = int(image[end - 1])
        answer = [*inputs.tolist(), int(labels[-1])]
        alone = pack_batch(batch.pictures.select(own, own + 1), [1], [question.tolist()], [answer])
        yield to_device(alone, batch.questions.ids.device)


def to_device(value: Moved, device: torch.device) -> Moved:
    """Copy a batch, or a part of one, to a device."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Ragged):
        return value.map(lambda tensor: tensor.to(device, non_blocking=True))
    if not is_dataclass(value):
        return value
    moved: dict[str, Any] = {
        field.name: to_device(getattr(value, field.name), device) for field in fields(value)
    }
    return replace(value, **moved)
