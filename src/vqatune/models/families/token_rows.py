"""The layout of tokens in padded rows: an image's prefix, then the tokens of its texts.

A row is an image; several for one of very many questions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vqatune.loading.ragged import Ragged

PREFIX, PADDING = -1, -2
"""What owns a token that is no text's."""
IN_A_ROW = 32
"""Questions of an image in one row: attention's memory grows with the square of a row's length."""


@dataclass(frozen=True)
class Rows:
    """Tokens of several texts in rows of an image each."""

    slot: Tensor
    """(tokens,): the index into the flattened rows of each token of the prefixes, and after them of the texts."""
    owner: Tensor
    """(images, width)."""
    positions: Tensor
    """(images, width), or (axes, images, width)."""

    def pad(self, flat: Tensor) -> Tensor:
        """(prefixes and texts, features) → (images, width, features), with zeros in the padding."""
        rows = flat.new_zeros(self.owner.numel(), flat.shape[-1])
        rows = rows.index_copy(0, self.slot, flat)
        return rows.view(*self.owner.shape, -1)

    def mask(self) -> Tensor:
        """Return where a token attends, (images, 1, width, width): to the prefix, and to its own text up to itself."""
        index = torch.arange(self.owner.shape[1], device=self.owner.device)
        before = index[None, :] <= index[:, None]
        own = self.owner[:, :, None] == self.owner[:, None, :]
        prefix = (self.owner == PREFIX)[:, None, :]
        return ((own | prefix) & before)[:, None]


def make_rows(states: Ragged, counts: Tensor, lengths: Tensor, positions: Tensor) -> Rows:
    """Lay out texts behind their images' prefixes.

    Args:
        states: of images, as `image_prefix.embed_prefixes`.
        counts: the number of texts of each image.
        lengths: tokens of each text, image by image.
        positions: (tokens of the texts,): each token's position in its text.
    """
    device = lengths.device
    prefix = torch.tensor(states.rows["prefix"], device=device)
    image_of_text = torch.arange(len(counts), device=device).repeat_interleave(counts)
    text_of_token = torch.arange(len(lengths), device=device).repeat_interleave(lengths)
    image_of_token = image_of_text[text_of_token]
    tokens = torch.zeros_like(prefix).index_add(0, image_of_text, lengths)
    width = int((prefix + tokens).max())
    image_of_prefix = torch.arange(len(prefix), device=device).repeat_interleave(prefix)
    in_prefix = (
        torch.arange(len(image_of_prefix), device=device) - (prefix.cumsum(0) - prefix)[image_of_prefix]
    )
    in_texts = torch.arange(len(text_of_token), device=device) - (tokens.cumsum(0) - tokens)[image_of_token]
    slot = torch.cat(
        [image_of_prefix * width + in_prefix, image_of_token * width + prefix[image_of_token] + in_texts]
    )
    owner = torch.full((len(prefix) * width,), PADDING, device=device)
    owner[slot] = torch.cat([torch.full_like(in_prefix, PREFIX), text_of_token])
    of_prefix = states.tensors["positions"]
    of_texts = positions_after(states)[image_of_token] + positions
    axes = of_prefix.shape[1]
    places = of_prefix.new_zeros(len(prefix) * width, axes)
    places[slot] = torch.cat([of_prefix, of_texts[:, None].expand(-1, axes)])
    places = places.T.reshape(axes, len(prefix), width)
    return Rows(slot, owner.view(len(prefix), width), places if axes > 1 else places[0])


def split_rows(states: Ragged, counts: Tensor) -> tuple[Ragged, Tensor]:
    """Repeat the prefix of images that have more questions than one row takes.

    Args:
        states: of images.
        counts: the number of questions of each image.

    Returns:
        States and counts of rows, an image's one after the other.
    """
    if int(counts.max()) <= IN_A_ROW:
        return states, counts
    of_rows = [
        [IN_A_ROW] * (count // IN_A_ROW) + ([count % IN_A_ROW] if count % IN_A_ROW else [])
        for count in counts.tolist()
    ]
    image = [number for number, own in enumerate(of_rows) for _ in own]
    rows = Ragged.joined([states.select(number, number + 1) for number in image])
    return rows, torch.tensor([count for own in of_rows for count in own], device=counts.device)


def positions_after(states: Ragged) -> Tensor:
    """Return the position that follows each image's prefix: one more than the largest of any axis."""
    largest = [own.max() for own in states.tensors["positions"].split(states.rows["positions"])]
    return torch.stack(largest) + 1


@dataclass(frozen=True)
class Slots:
    """The places of tokens in rows, one after the other."""

    slot: Tensor
    """(tokens,): its index into the flattened rows."""
    rows: int
    width: int

    @classmethod
    def of(cls, row: Tensor, rows: int) -> "Slots":
        """Lay out tokens whose rows, in any order, are given."""
        order = torch.sort(row, stable=True).indices
        counts = torch.bincount(row, minlength=rows)
        starts = counts.cumsum(0) - counts
        place = torch.empty_like(row)
        place[order] = torch.arange(len(row), device=row.device) - starts[row[order]]
        width = int(counts.max()) if len(row) else 0
        return cls(row * width + place, rows, width)

    def pad(self, values: Tensor, padding: int) -> Tensor:
        """(tokens,) → (rows, width)."""
        rows = values.new_full((self.rows * self.width,), padding)
        return rows.index_copy(0, self.slot, values).view(self.rows, self.width)

    def pad_heads(self, values: Tensor) -> Tensor:
        """(tokens, heads, head width) → (rows, heads, width, head width), with zeros in the padding."""
        rows = values.new_zeros(self.rows * self.width, *values.shape[1:])
        rows = rows.index_copy(0, self.slot, values)
        return rows.view(self.rows, self.width, *values.shape[1:]).transpose(1, 2)
