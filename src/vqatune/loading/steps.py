"""Which images, with which of their pairs, are worked on together: in an optimizer step, and in a pass of the model.

An optimizer step is a window of images in their order. Within it images are sorted by length and cut into passes, so
that little is padded; as a step's loss is a mean over its pairs, the cuts make no difference to it.
"""

import numpy as np
import pandas as pd

from vqatune.tables.hash_ranks import hash_rank

Group = np.ndarray
"""The row numbers of an image's pairs."""
Pass = list[Group]
"""The images that the model takes at once."""


def image_groups(pairs: pd.DataFrame) -> list[Group]:
    """Return the row numbers of each image's pairs, for pairs whose image (and copy) are neighbours."""
    keys = pairs["image_id"].astype(str)
    if "copy" in pairs.columns:
        keys = keys + "\x1f" + pairs["copy"].astype(str)
    starts = np.flatnonzero((keys != keys.shift()).to_numpy())
    return np.split(np.arange(len(pairs)), starts[1:]) if len(pairs) else []


def epoch_groups(pairs: pd.DataFrame, seed: int, epoch: int, questions_per_image: str) -> list[Group]:
    """Return one epoch's images in order, with all their pairs or one.

    Args:
        pairs: tables.BATCH.
        seed: of the ranks by which an image's one question, and the order of every epoch but the first, are drawn.
        epoch: from 0; the first has the order of the rows.
        questions_per_image: all or one.
    """
    groups = image_groups(pairs)
    keys = pairs["image_id"].astype(str) + "\x1f" + pairs["copy"].astype(str)
    if questions_per_image == "one":
        names = keys + "\x1f" + pairs["qa_id"]
        drawn = [hash_rank(seed, "question", epoch, name) for name in names]
        groups = [group[[min(range(len(group)), key=lambda place: drawn[group[place]])]] for group in groups]
    if epoch:
        groups.sort(key=lambda group: hash_rank(seed, "epoch", epoch, keys.iloc[group[0]]))
    return groups


def cut_passes(groups: list[Group], tokens: np.ndarray, images: int, pairs: int) -> list[Pass]:
    """Cut images into passes, the longest first.

    Args:
        groups: the images.
        tokens: (pairs,), the length of every question.
        images: the most images in a pass.
        pairs: the most pairs in a pass; an image with more is a pass of its own.
    """
    passes: list[Pass] = []
    room = 0
    for group in sorted(groups, key=lambda group: -int(tokens[group].sum())):
        if not passes or len(passes[-1]) == images or len(group) > room:
            passes.append([])
            room = pairs
        passes[-1].append(group)
        room -= len(group)
    return passes


def plan_steps(
    groups: list[Group], tokens: np.ndarray, images: int, pairs: int, accumulation: int, processes: int = 1
) -> list[list[list[Pass]]]:
    """Return the passes of every process in every optimizer step: [step][process][pass].

    Args:
        groups: an epoch's images, in order.
        tokens: (pairs,), the length of every question.
        images: the most images in a pass.
        pairs: the most pairs in a pass.
        accumulation: a step takes so many times `images` images.
        processes: what shares the step's images evenly; the step is the same for any number.
    """
    window = images * accumulation
    steps = []
    for start in range(0, len(groups), window):
        ordered = sorted(groups[start : start + window], key=lambda group: -int(tokens[group].sum()))
        steps.append(
            [cut_passes(ordered[process::processes], tokens, images, pairs) for process in range(processes)]
        )
    return steps
