"""Grouping of images and their pairs into optimizer steps, and of a step into micro-batches.

An optimizer step is a window of consecutive images. Within it images are sorted by length and cut into micro-batches,
which keeps padding low; as the loss of a step is the mean over its pairs, the cuts do not affect it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqatune.tables.hash_ranks import hash_rank

Group = np.ndarray
"""The row numbers of an image's pairs."""
MicroBatch = list[Group]
"""The images that go through the model at once."""


@dataclass(frozen=True)
class Groups:
    """Images in order, each with consecutive rows, in 16 bytes an image."""

    first: np.ndarray
    """(images,), int64: the first row of each."""
    count: np.ndarray
    """(images,), int64: the number of its rows."""

    def __len__(self) -> int:
        """The number of images."""
        return len(self.first)

    def __getitem__(self, window: slice) -> list[Group]:
        """Return the groups of some consecutive images."""
        spans = zip(self.first[window].tolist(), self.count[window].tolist(), strict=True)
        return [np.arange(first, first + count) for first, count in spans]

    def take(self, order: np.ndarray) -> "Groups":
        """Return the images in another order."""
        return Groups(self.first[order], self.count[order])


def image_groups(pairs: pd.DataFrame) -> Groups:
    """Return the row numbers of each image's pairs; pairs of one image (and copy) must be adjacent."""
    new = np.zeros(len(pairs), bool)
    for name in ("image_id", "copy"):
        if name in pairs.columns:
            new |= (pairs[name] != pairs[name].shift()).to_numpy(bool)
    first = np.flatnonzero(new)
    return Groups(first, np.diff(first, append=len(pairs)))


def epoch_groups(pairs: pd.DataFrame, seed: int, epoch: int, questions_per_image: str) -> Groups:
    """Return one epoch's images in order, with all their pairs or one pair each.

    Args:
        pairs: tables.BATCH.
        seed: of the hash ranks that choose the one question of an image, and order the images.
        epoch: from 0.
        questions_per_image: all or one.
    """
    groups = image_groups(pairs)
    images, copies = (pairs[name].iloc[groups.first].tolist() for name in ("image_id", "copy"))
    ranks = epoch_ranks(images, copies, seed, epoch)
    if questions_per_image == "one":
        names = pairs["qa_id"].to_numpy()
        chosen = [
            first + _drawn(seed, epoch, image, copy, names[first : first + count])
            for image, copy, first, count in zip(
                images, copies, groups.first.tolist(), groups.count.tolist(), strict=True
            )
        ]
        groups = Groups(np.array(chosen, np.int64), np.ones(len(chosen), np.int64))
    return groups.take(np.argsort(ranks, kind="stable"))


def epoch_ranks(image_ids: Sequence[str], copies: Sequence[int], seed: int, epoch: int) -> np.ndarray:
    """Return the hash rank of each copy of an image, by which an epoch is ordered: uint64."""
    keys = zip(image_ids, copies, strict=True)
    return np.array([hash_rank(seed, "epoch", epoch, image, copy) for image, copy in keys], np.uint64)


def _drawn(seed: int, epoch: int, image: str, copy: int, qa_ids: np.ndarray) -> int:
    ranks = [hash_rank(seed, "question", epoch, image, copy, qa_id) for qa_id in qa_ids]
    return ranks.index(min(ranks))


def cut_micro_batches(
    groups: Sequence[Group], tokens: np.ndarray, images: int, pairs: int
) -> list[MicroBatch]:
    """Cut images into micro-batches, the longest images first.

    Args:
        groups: the images.
        tokens: (pairs,), the length of every question.
        images: the most images in a micro-batch.
        pairs: the most pairs in a micro-batch; an image with more forms its own micro-batch.
    """
    micro_batches: list[MicroBatch] = []
    room = 0
    for group in sorted(groups, key=lambda group: -int(tokens[group].sum())):
        if not micro_batches or len(micro_batches[-1]) == images or len(group) > room:
            micro_batches.append([])
            room = pairs
        micro_batches[-1].append(group)
        room -= len(group)
    return micro_batches


def plan_step(
    groups: Sequence[Group], tokens: np.ndarray, images: int, pairs: int, processes: int = 1
) -> list[list[MicroBatch]]:
    """Return the micro-batches of every process in an optimizer step: [process][micro-batch].

    Args:
        groups: the images of the step.
        tokens: (pairs,), the length of every question of these images; others do not matter.
        images: the most images in a micro-batch.
        pairs: the most pairs in a micro-batch.
        processes: among which the step's images are divided evenly.
    """
    ordered = sorted(groups, key=lambda group: -int(tokens[group].sum()))
    return [
        cut_micro_batches(ordered[number::processes], tokens, images, pairs) for number in range(processes)
    ]
