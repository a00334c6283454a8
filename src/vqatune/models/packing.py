"""Texts of different lengths without padding: tokens lie end to end, and only attention lays them out in rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

import torch
from torch import Tensor

Moved = TypeVar("Moved")


class _Lay(torch.autograd.Function):
    """Rows of some tokens, and of whichever where there is padding: nothing looks at that, so no gradient comes back."""

    @staticmethod
    def forward(context: Any, flat: Tensor, token: Tensor, slot: Tensor) -> Tensor:
        context.save_for_backward(slot)
        return flat.index_select(0, token)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.index_select(0, context.saved_tensors[0]), None, None


class _Lift(torch.autograd.Function):
    """The tokens in some places of the rows; no two are in one place, so that gradients need not be added up."""

    @staticmethod
    def forward(context: Any, laid: Tensor, slot: Tensor) -> Tensor:
        context.save_for_backward(slot)
        context.shape = laid.shape
        return laid.index_select(0, slot)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.new_zeros(context.shape).index_copy_(0, context.saved_tensors[0], gradient), None


@dataclass(frozen=True)
class Rows:
    """Where tokens that lie end to end go when they are laid out in rows of equal width."""

    slot: Tensor
    """(tokens,), int64: a token's place in the rows, counted through."""
    token: Tensor
    """(rows · width,), int64: the token in each place; any one on padding."""
    seen: Tensor
    """(rows, width), bool: False on padding."""

    @property
    def full(self) -> bool:
        """Whether the rows are equally long, so that nothing is padded."""
        return len(self.slot) == self.seen.numel()

    def lay(self, flat: Tensor) -> Tensor:
        """(tokens, features) → (rows, width, features), with anything on padding, which must not be looked at."""
        laid = flat if self.full else _Lay.apply(flat, self.token, self.slot)
        return laid.view(*self.seen.shape, -1)

    def lift(self, laid: Tensor) -> Tensor:
        """(rows, width, features) → (tokens, features)."""
        flat = laid.flatten(0, 1)
        return flat if self.full else _Lift.apply(flat, self.slot)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of each row's values: (tokens,) → (rows,)."""
        return self.lay(values[:, None])[..., 0].masked_fill(~self.seen, 0).sum(1)


def make_rows(lengths: Sequence[int]) -> Rows:
    """Return the rows of texts with these lengths, in tokens: a row a text, padded on the right."""
    counts = torch.tensor(lengths)
    width = int(counts.max())
    seen = torch.arange(width) < counts[:, None]
    return _rows(seen.flatten().nonzero()[:, 0], seen)


def _rows(slot: Tensor, seen: Tensor) -> Rows:
    token = torch.zeros(seen.numel(), dtype=torch.int64)
    token[slot] = torch.arange(len(slot))
    return Rows(slot, token, seen)


@dataclass(frozen=True)
class Shared:
    """Rows that hold several texts each, as many as go into the length of the longest."""

    rows: Rows
    mask: Tensor | None
    """(rows, 1, width, width), bool: whether a place may look at another, for those of one text; None where a text
    fills its row."""


def make_shared(lengths: Sequence[int]) -> Shared:
    """Return shared rows of texts with these lengths, in tokens: each text in the fullest row that has room for it."""
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
    # Padding is a text of its own, because a place that may look nowhere would come to no number.
    owner = torch.full((rows * width,), -1)
    slot = torch.cat(
        [torch.arange(starts[text], starts[text] + length) for text, length in enumerate(lengths)]
    )
    owner[slot] = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    owner = owner.view(rows, width)
    mask = owner[:, None, :, None] == owner[:, None, None, :]
    return Shared(_rows(slot, owner >= 0), None if bool(mask.all()) else mask)


@dataclass(frozen=True)
class Texts:
    """Token ids of texts, end to end."""

    ids: Tensor
    """(tokens,), int64."""
    positions: Tensor
    """(tokens,), int64: a token's place in its text."""
    rows: Rows
    """A row a text."""


def make_texts(ids: Sequence[Sequence[int]]) -> Texts:
    """Return texts given as lists of token ids; none is empty."""
    lengths = [len(text) for text in ids]
    starts = torch.tensor([0, *accumulate(lengths[:-1])]).repeat_interleave(torch.tensor(lengths))
    flat = torch.tensor([token for text in ids for token in text])
    return Texts(flat, torch.arange(len(flat)) - starts, make_rows(lengths))


@dataclass(frozen=True)
class Batch:
    """Images with their questions and, in training, their answers; the questions of an image are neighbours."""

    pixel_values: Tensor | None
    """(images, 3, height, width), float, normalised; None where their states are given."""
    questions: Texts
    """From [ENC] to [SEP]."""
    shared: Shared
    """The questions' tokens, several questions a row."""
    by_image: Rows
    """The questions' tokens, a row an image."""
    inputs: Texts | None = None
    """What the decoder is given: the answers from [DEC] to their last token before [SEP]."""
    labels: Tensor | None = None
    """(tokens of inputs,), int64: the token that follows each."""
    image_states: Tensor | None = None
    """(images, patches + 1, vision width): what the vision tower makes of the pictures, where that is known."""

    @property
    def pairs(self) -> int:
        """How many questions there are."""
        return len(self.questions.rows.seen)

    @property
    def padding(self) -> float:
        """The share of padding where the texts are laid out in rows, for attention; nothing else is padded."""
        laid = [self.shared.rows, self.by_image] + ([self.inputs.rows] if self.inputs else [])
        return 1 - sum(len(rows.slot) for rows in laid) / sum(rows.seen.numel() for rows in laid)


def make_batch(
    pixel_values: Tensor | None,
    counts: Sequence[int],
    questions: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]] | None = None,
) -> Batch:
    """Return images with all their questions as a batch.

    Args:
        pixel_values: (images, 3, height, width); None where the vision tower's states are to be put in.
        counts: how many questions each image has, at least one.
        questions: token ids from [ENC] to [SEP], image by image.
        answers: token ids from [DEC] to [SEP], in the order of the questions; None to ask.
    """
    lengths = [len(question) for question in questions]
    remaining = iter(lengths)
    by_image = make_rows([sum(next(remaining) for _ in range(count)) for count in counts])
    batch = Batch(pixel_values, make_texts(questions), make_shared(lengths), by_image)
    if answers is None:
        return batch
    labels = torch.tensor([token for answer in answers for token in answer[1:]])
    return replace(batch, inputs=make_texts([answer[:-1] for answer in answers]), labels=labels)


def split_pairs(batch: Batch) -> Iterator[Batch]:
    """Yield every pair of a batch with answers as a batch of its own."""
    image = torch.div(batch.by_image.slot, batch.by_image.seen.shape[1], rounding_mode="floor")
    ends = batch.questions.rows.seen.sum(1).cumsum(0)
    questions = batch.questions.ids.tensor_split(ends[:-1].cpu())
    cuts = batch.inputs.rows.seen.sum(1).cumsum(0)[:-1].cpu()
    answers = zip(batch.inputs.ids.tensor_split(cuts), batch.labels.tensor_split(cuts), strict=True)
    for question, (inputs, labels), end in zip(questions, answers, ends.tolist(), strict=True):
        picture = batch.pixel_values[image[end - 1]][None]
        answer = [*inputs.tolist(), int(labels[-1])]
        yield to(make_batch(picture, [1], [question.tolist()], [answer]), picture.device)


def to(value: Moved, device: torch.device) -> Moved:
    """Return a batch, or part of one, on a device."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if not is_dataclass(value):
        return value
    moved: dict[str, Any] = {field.name: to(getattr(value, field.name), device) for field in fields(value)}
    return replace(value, **moved)
