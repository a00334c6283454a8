"""The optimizer steps of a version: which images each takes, and their pairs as tokens, made as they are needed."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from accelerate import PartialState
from accelerate.utils import gather_object

from vqatune.loading.loader import LoadedImages, MicroBatchImages, load_images
from vqatune.loading.picture_digests import add_up
from vqatune.loading.reader import ImageReader
from vqatune.loading.steps import Groups, MicroBatch, epoch_groups, image_groups, plan_step
from vqatune.models.encoder import Encoder
from vqatune.models.packing import PackedBatch, pack_batch
from vqatune.params import Params

_logger = logging.getLogger(__name__)


class _Step(NamedTuple):
    """An optimizer step, as this process takes it."""

    micro_batches: list[MicroBatch]
    """Those of this process."""
    pairs: int
    """Of all processes."""
    questions: dict[int, list[int]]
    """Row → token ids, of this process's pairs."""


class Plan:
    """The optimizer steps of a version, and the batches of each.

    Only the steps that are loaded ahead are held: lists of token ids take more memory than the text.
    """

    def __init__(self, params: Params, pairs: pd.DataFrame, reader: ImageReader, encoder: Encoder) -> None:
        self.processes = PartialState().num_processes
        self.params, self.pairs, self.reader, self.encoder = params, pairs, reader, encoder
        self.skipped: set[str] = set()
        """Images that do not open, in any process."""
        self.pictures = 0
        """The digest of all pictures of the steps taken, in all processes (`ImageReader.digest`)."""
        self._of_step: list[int] = []
        """Digests of the pictures of the current step that this process has read."""
        self._images = len(image_groups(pairs))
        self._window = params.train.images_per_step * params.train.accumulation_steps
        self._steps_of_epoch = -(-self._images // self._window)
        self._epoch: tuple[int, Groups] | None = None
        self._tokens = np.zeros(len(pairs), np.int32)
        """Length of every question of the steps that were planned."""
        self._planned: dict[int, _Step] = {}
        """The steps ahead."""

    def __len__(self) -> int:
        """The number of steps."""
        return self.params.train.epochs * self._steps_of_epoch

    def images(self, step: int) -> int:
        """Return the number of images in a step, over all processes."""
        before = step % self._steps_of_epoch * self._window
        return min(self._window, self._images - before)

    def from_step(
        self, first: int, pin: bool
    ) -> Iterator[tuple[int, Iterator[tuple[list[str], PackedBatch]]]]:
        """Yield each step from `first` on: the number of pairs over all processes, and this process's batches.

        A batch comes with the qa_ids of its pairs; images are prefetched.
        """
        images = MicroBatchImages(self.reader, self.encoder)
        loaded = load_images(self._image_ids(first), images, self.params.compute.loader_processes, pin)
        for number in range(first, len(self)):
            step = self._step(number)
            batches = (self._pack(step, micro_batch, next(loaded)) for micro_batch in step.micro_batches)
            yield step.pairs, (batch for batch in batches if batch)
            del self._planned[number]

    def share(self) -> None:
        """Bring together what all processes have read and skipped in a step; called at the end of each."""
        read = [(add_up(self._of_step), sorted(self.skipped))]
        if self.processes > 1:
            read = gather_object(read)
        self.pictures = add_up([self.pictures, *(digest for digest, _ in read)])
        self.skipped = {image_id for _, skipped in read for image_id in skipped}
        self._of_step.clear()

    def digest_before(self, step: int) -> int:
        """Return what `pictures` is before a step, by the pictures as they are now.

        They are read again, unless their places tell their digests.
        """
        image_ids = [image_id for number in range(step) for image_id in self._names(self._groups(number))]
        own = [self.reader.digest(image_ids[PartialState().process_index :: self.processes])]
        return add_up(gather_object(own) if self.processes > 1 else own)

    def _image_ids(self, first: int) -> Iterator[list[str]]:
        for number in range(first, len(self)):
            for micro_batch in self._step(number).micro_batches:
                yield self._names(micro_batch)

    def _step(self, number: int) -> _Step:
        """Return a step, which is planned when it is first asked for."""
        if number not in self._planned:
            groups = self._groups(number)
            rows = np.concatenate(groups)
            questions = self.encoder.questions(self.pairs["question"].iloc[rows].tolist())
            self._tokens[rows] = [len(ids) for ids in questions]
            train = self.params.train
            shares = plan_step(
                groups, self._tokens, train.images_per_step, train.max_pairs_per_step, self.processes
            )
            own = shares[PartialState().process_index]
            mine = {int(row) for micro_batch in own for group in micro_batch for row in group}
            ids = dict(zip(rows.tolist(), questions, strict=True))
            self._planned[number] = _Step(own, len(rows), {row: ids[row] for row in mine})
        return self._planned[number]

    def _groups(self, step: int) -> list[np.ndarray]:
        """Return the images of a step over all processes."""
        epoch, window = divmod(step, self._steps_of_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            train = self.params.train
            groups = epoch_groups(self.pairs, train.seed, epoch, train.questions_per_image)
            self._epoch = epoch, groups
        return self._epoch[1][window * self._window : (window + 1) * self._window]

    def _names(self, groups: list[np.ndarray]) -> list[str]:
        return self.pairs["image_id"].iloc[[group[0] for group in groups]].tolist()

    def _pack(
        self, step: _Step, micro_batch: MicroBatch, images: LoadedImages
    ) -> tuple[list[str], PackedBatch] | None:
        self._of_step.append(images.digest)
        for number, error in images.failures.items():
            image_id = self.pairs["image_id"].iloc[micro_batch[number][0]]
            if image_id not in self.skipped:
                self.skipped.add(image_id)
                _logger.warning("%s; its questions are left out", error)
        groups = [group for number, group in enumerate(micro_batch) if number not in images.failures]
        rows = [int(row) for group in groups for row in group]
        if not rows:
            return None
        batch = pack_batch(
            images.pictures,
            [len(group) for group in groups],
            [step.questions[row] for row in rows],
            self.encoder.answers(self.pairs["answer"].iloc[rows].tolist()),
        )
        return self.pairs["qa_id"].iloc[rows].tolist(), batch
