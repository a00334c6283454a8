"""Grouping of images and their pairs into optimizer steps, and of a step into micro-batches.

An optimizer step is a window of consecutive images. Within it images are sorted by length and cut into micro-batches,
which keeps padding low; as the loss of a step is the mean over its pairs, the cuts do not affect it.
"""

import numpy as np
import pandas as pd

from vqatune.tables.hash_ranks import hash_rank

Group = np.ndarray
"""The row numbers of an image's pairs."""
MicroBatch = list[Group]
"""The images that go through the model at once."""


def image_groups(pairs: pd.DataFrame) -> list[Group]:
    """Return the row numbers of each image's pairs; pairs of one image (and copy) must be adjacent."""
    keys = pairs["image_id"].astype(str)
    if "copy" in pairs.columns:
        keys = keys + "\x1f" + pairs["copy"].astype(str)
    starts = np.flatnonzero((keys != keys.shift()).to_numpy())
    return np.split(np.arange(len(pairs)), starts[1:]) if len(pairs) else []


def epoch_groups(pairs: pd.DataFrame, seed: int, epoch: int, questions_per_image: str) -> list[Group]:
    """Return one epoch's images in order, with all their pairs or one pair each.

    Args:
        pairs: tables.BATCH.
        seed: of the hash ranks that choose the one question of an image, and order the images.
        epoch: from 0.
        questions_per_image: all or one.
    """
    groups = image_groups(pairs)
    keys = pairs["image_id"].astype(str) + "\x1f" + pairs["copy"].astype(str)
    if questions_per_image == "one":
        names = keys + "\x1f" + pairs["qa_id"]
        ranks = [hash_rank(seed, "question", epoch, name) for name in names]
        groups = [group[[min(range(len(group)), key=lambda index: ranks[group[index]])]] for group in groups]
    return sorted(groups, key=lambda group: hash_rank(seed, "epoch", epoch, keys.iloc[group[0]]))


def cut_micro_batches(groups: list[Group], tokens: np.ndarray, images: int, pairs: int) -> list[MicroBatch]:
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


def plan_steps(
    groups: list[Group], tokens: np.ndarray, images: int, pairs: int, accumulation: int, processes: int = 1
) -> list[list[list[MicroBatch]]]:
    """Return the micro-batches of every process in every optimizer step: [step][process][micro-batch].

    Args:
        groups: an epoch's images, in order.
        tokens: (pairs,), the length of every question.
        images: the most images in a micro-batch.
        pairs: the most pairs in a micro-batch.
        accumulation: gradient accumulation: a step has `images * accumulation` images.
        processes: among which a step's images are divided evenly; its images do not depend on their number.
    """
    window = images * accumulation
    steps = []
    for start in range(0, len(groups), window):
        ordered = sorted(groups[start : start + window], key=lambda group: -int(tokens[group].sum()))
        steps.append(
            [
                cut_micro_batches(ordered[process::processes], tokens, images, pairs)
                for process in range(processes)
            ]
        )
    return steps
