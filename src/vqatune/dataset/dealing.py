"""Deals the pairs of a table into master batches, with memory for the images, not for their pairs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.dataset.master_batches import Deal, TrainingImages, counted, deal_images, training_images
from vqatune.params import BatchParams
from vqatune.runtime.locked_folders import temporary_folder
from vqatune.tables import BATCH, PAIRS, SAMPLED, read_groups, same_parts, sorted_groups, writing_table

_PILE = 500_000
"""Pairs that are put into order at once."""
_IN_MEMORY = 1_000_000
"""Pairs that wait in memory; more go to files."""


def deal_table(
    train: Path | str, sampled: Path | str, folder: Path, params: BatchParams, count: int, seed: int
) -> pd.DataFrame:
    """Deal the pairs of a table into `count` tables of a folder, 01.parquet and so on; return the table of the batches.

    As `make_master_batches` does, of which the batches have the rows. Where there are more than a million, they wait in
    files beside the folder.

    Args:
        train: tables.PAIRS, sorted by image_id and qa_id.
        sampled: tables.SAMPLED, sorted by image_id, of all images of `train`, in as many parts.
        folder: of the batches (tables.BATCH).
        params: the strategy.
        count: the number of batches.
        seed: of the hash ranks.

    Raises DataError as `make_master_batches` does, and where a table is not sorted.
    """
    images = training_images(_images(train, sampled), seed)
    deal, table = deal_images(images, params, count)
    with temporary_folder(folder.parent, f".{folder.name}.") as temporary:
        piles = _Piles(images, deal, count, temporary)
        first = 0
        for group in read_groups(train, PAIRS):
            first = piles.add(group, first)
        for batch in range(count):
            with writing_table(folder / f"{batch + 1:02d}.parquet", BATCH) as write:
                for pile in piles.of(batch):
                    write(pile)
    return table


def _images(train: Path | str, sampled: Path | str) -> Iterator[pd.DataFrame]:
    """Yield image_id, product_type, pairs and repeats of the images of a table of pairs, part by part."""
    for pairs, images in same_parts(train, sampled):
        yield from _images_of_part(pairs, images)


def _images_of_part(train: Path, sampled: Path) -> Iterator[pd.DataFrame]:
    repeats = _Following(sampled)
    waiting: pd.DataFrame | None = None
    columns = ["image_id", "qa_id", "product_type"]
    for group in sorted_groups(train, PAIRS, ["image_id", "qa_id"], columns):
        found = group.groupby(["image_id", "product_type"], as_index=False).size()
        found = found.rename(columns={"size": "pairs"})
        if waiting is not None:
            # The last image of a group may go on in the next.
            found = pd.concat([waiting, found], ignore_index=True)
            found = found.groupby(["image_id", "product_type"], as_index=False)["pairs"].sum()
        waiting, done = found.iloc[-1:], found.iloc[:-1]
        yield done.assign(repeats=repeats.of(done["image_id"]))
    if waiting is not None:
        yield waiting.assign(repeats=repeats.of(waiting["image_id"]))


class _Following:
    """The repeats of sampled images, asked for in the order of their ids."""

    def __init__(self, sampled: Path | str) -> None:
        groups = sorted_groups(sampled, SAMPLED, ["image_id"], ["image_id", "repeats"])
        self._groups = (group.set_index("image_id")["repeats"] for group in groups)
        self._read = pd.Series(dtype="int32", index=pd.Index([], dtype="str"))

    def of(self, images: pd.Series) -> pd.Series:
        """Return the repeats of images, missing where one was not sampled."""
        if images.empty:
            return images.map(self._read)
        last = images.iloc[-1]
        while self._read.empty or self._read.index[-1] < last:
            group = next(self._groups, None)
            if group is None:
                break
            self._read = pd.concat([self._read, group])
        found = images.map(self._read)
        self._read = self._read[self._read.index >= last]
        return found


class _Piles:
    """Pairs by the pile that they go to: a stretch of a batch, whose pairs can be put into order in memory."""

    def __init__(self, images: TrainingImages, deal: Deal, count: int, folder: Path) -> None:
        self._images, self._deal, self._folder = images, deal, folder
        self._first_copy = np.cumsum(images.repeats, dtype=np.int64) - images.repeats
        self._pile = np.empty(len(deal.images), np.int32)
        self._last = np.empty(count, np.int64)
        begin = 0
        for batch in range(count):
            own = np.flatnonzero(deal.batches == batch)
            own = own[np.argsort(deal.places[own])]
            pairs = images.pairs[deal.images[own]]
            before = np.cumsum(pairs, dtype=np.int64) - pairs
            self._pile[own] = begin + before // _PILE
            begin = self._last[batch] = int(self._pile[own].max()) + 1
        self._waiting: dict[int, list[pd.DataFrame]] = {pile: [] for pile in range(begin)}
        self._files: dict[int, int] = dict.fromkeys(self._waiting, 0)
        self._rows = 0
        self._ends = np.cumsum(images.pairs, dtype=np.int64)

    def add(self, group: pd.DataFrame, first: int) -> int:
        """Put a group of pairs, of which the first is number `first` of all, onto their piles; return what follows."""
        images = np.searchsorted(self._ends, np.arange(first, first + len(group)), side="right")
        times = self._images.repeats[images]
        copies = np.repeat(self._first_copy[images], times) + counted(times)
        rows = group.iloc[np.repeat(np.arange(len(group)), times)].assign(
            copy=self._deal.copies[copies], place=self._deal.places[copies]
        )
        for pile, own in rows.groupby(self._pile[copies], sort=False):
            self._waiting[pile].append(own)
        self._rows += len(rows)
        if self._rows > _IN_MEMORY:
            self._store()
        return first + len(group)

    def of(self, batch: int) -> Iterator[pd.DataFrame]:
        """Yield the piles of a batch, in order."""
        for pile in range(int(self._last[batch - 1]) if batch else 0, int(self._last[batch])):
            files = [self._folder / f"{pile}-{number}.parquet" for number in range(self._files[pile])]
            parts = [pd.read_parquet(file) for file in files] + self._waiting.pop(pile)
            # As they came, the pairs of a copy are in order.
            yield pd.concat(parts).sort_values("place", kind="stable")
            for file in files:
                file.unlink()

    def _store(self) -> None:
        for pile, parts in self._waiting.items():
            if parts:
                rows = pd.concat(parts, ignore_index=True)
                rows.to_parquet(self._folder / f"{pile}-{self._files[pile]}.parquet", index=False)
                self._files[pile] += 1
                parts.clear()
        self._rows = 0
