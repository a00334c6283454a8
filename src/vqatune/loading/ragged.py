"""Tensors of several images, of which each image may have another number of rows: tiles, patches, or tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ragged:
    """Tensors by name, image by image: preprocessed pictures, or the states that a model makes of them."""

    tensors: dict[str, Tensor]
    """Name → (rows of all images, …)."""
    rows: dict[str, tuple[int, ...]]
    """Name → the number of rows of each image."""

    @classmethod
    def one_each(cls, name: str, tensor: Tensor) -> "Ragged":
        """Return a tensor of which each image has one row."""
        return cls({name: tensor}, {name: (1,) * len(tensor)})

    @classmethod
    def joined(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Return the images of all parts, which have the same names, one after the other."""
        names = parts[0].tensors
        return cls(
            {name: torch.cat([part.tensors[name] for part in parts]) for name in names},
            {name: tuple(count for part in parts for count in part.rows[name]) for name in names},
        )

    def __len__(self) -> int:
        """The number of images."""
        return len(next(iter(self.rows.values())))

    def select(self, first: int, end: int) -> "Ragged":
        """Return the images from `first` up to `end`, without that."""
        tensors = {}
        for name, tensor in self.tensors.items():
            start = sum(self.rows[name][:first])
            tensors[name] = tensor[start : start + sum(self.rows[name][first:end])]
        return Ragged(tensors, {name: counts[first:end] for name, counts in self.rows.items()})

    def map(self, change: Callable[[Tensor], Tensor]) -> "Ragged":
        """Return the tensors changed by a function that keeps their rows."""
        return replace(self, tensors={name: change(tensor) for name, tensor in self.tensors.items()})

    def float(self) -> "Ragged":
        """Return the tensors in float32, but those of integers."""
        return self.map(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)
