"""Inference over a table of questions, in micro-batches of images; interrupted work resumes from partial results."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vqatune.errors import ImageError, ModelError
from vqatune.inference.prediction.partial_results import PartialResults
from vqatune.loading.loader import MicroBatchImages, load_images
from vqatune.loading.picture_digests import add_up
from vqatune.loading.ragged import Ragged
from vqatune.loading.reader import ImageReader
from vqatune.loading.steps import cut_micro_batches, image_groups
from vqatune.models.encoder import Encoder
from vqatune.models.family import VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.models.prepare import autocast
from vqatune.params import Params
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.progress import bar
from vqatune.tables import replacing

_ROWS = "rows of "
"""Before the name of a tensor in a file of image states: the number of its rows of each image."""

_AT_ONCE = 10_000


@dataclass(frozen=True)
class InferenceModel:
    """A version of the model with everything that inference needs."""

    model: torch.nn.Module
    """On its device, in evaluation mode."""
    encoder: Encoder
    reader: ImageReader
    params: Params
    """Uses predict and compute."""
    device: torch.device
    states: Path | None = None
    """The folder that caches image states, a file per micro-batch; None for no cache."""


def run_inference(
    inference: InferenceModel,
    questions: pd.DataFrame,
    infer: Callable[[list[int], PackedBatch], Iterable[tuple]],
    on_image_error: Callable[[list[int], ImageError], list[tuple]],
    schema: pa.Schema,
    folder: Path | None,
    description: str,
    more: bool = False,
) -> list[tuple]:
    """Return the results of all questions, from all processes.

    Args:
        inference: the model.
        questions: image_id, question and, where answers are given, prediction; an image's rows are adjacent.
        infer: returns the results of the rows with these numbers, from their batch, which is on the device and holds
            image states.
        on_image_error: returns the results of the rows with these numbers, whose image does not open.
        schema: the columns of a result.
        folder: of partial results, from which interrupted work resumes; None for none. Its name is a key of
            everything that determines them.
        description: of the progress bar.
        more: whether other work follows, so that a signal during the last micro-batch stops here, too.

    Raises:
        DataError: an image is not in the table of places, or its archive is missing.
        ModelError: a file of cached image states is damaged.
        Stopped: a signal came; the results so far are saved.
    """
    compute, predict, process = (
        inference.params.compute,
        inference.params.predict,
        PartialState().process_index,
    )
    encoder = inference.encoder
    lengths = _lengths(encoder.questions, questions["question"])
    groups = image_groups(questions)[:]
    micro_batches = cut_micro_batches(groups, lengths, predict.images_per_step, predict.max_pairs_per_step)
    micro_batches = micro_batches[process :: PartialState().num_processes]
    partial_results = PartialResults(folder / f"{process}", schema) if folder else None

    def image_ids(first: int, end: int) -> Iterator[list[str]]:
        for micro_batch in micro_batches[first:end]:
            yield questions["image_id"].iloc[[group[0] for group in micro_batch]].tolist()

    def digest(first: int, end: int) -> int:
        return inference.reader.digest(chain.from_iterable(image_ids(first, end)))

    results, done = partial_results.load(digest) if partial_results else ([], 0)
    saved, pictures = len(results), 0
    todo = micro_batches[done:]
    images = MicroBatchImages(inference.reader, encoder, inference.states)
    loading = load_images(image_ids(done, len(micro_batches)), images, compute.loader_processes)
    with Interrupts() as interrupts, bar() as progress:
        total = sum(map(len, micro_batches))
        task = progress.add_task(description, total=total, completed=total - sum(map(len, todo)))
        for micro_batch, loaded in zip(todo, loading, strict=True):
            pictures = add_up([pictures, loaded.digest])
            for number, error in loaded.failures.items():
                results += on_image_error(micro_batch[number].tolist(), error)
            opened = [
                group.tolist() for number, group in enumerate(micro_batch) if number not in loaded.failures
            ]
            rows = [row for group in opened for row in group]
            if rows:
                batch = pack_batch(
                    loaded.pictures,
                    [len(group) for group in opened],
                    _encode(encoder.questions, questions["question"].iloc[rows]),
                    _encode(encoder.answers, questions["prediction"].iloc[rows])
                    if "prediction" in questions
                    else None,
                )
                results += infer(
                    rows, _with_image_states(inference, to_device(batch, inference.device), loaded.states)
                )
            progress.advance(task, len(micro_batch))
            done += 1
            stop = interrupts.pending is not None and (more or done < len(micro_batches))
            if partial_results and (
                done % predict.checkpoint_every == 0 or stop or done == len(micro_batches)
            ):
                partial_results.save(done, results[saved:], pictures)
                saved, pictures = len(results), 0
            if stop:
                interrupts.stop(f"after {done} of {len(micro_batches)} micro-batches ({description})")
    return gather_object(results)


def _lengths(encode: Callable[[list[str]], list[list[int]]], texts: pd.Series) -> np.ndarray:
    """Return the number of token ids of each text: int32; the ids of ten thousand distinct texts are held at a time."""
    codes, distinct = pd.factorize(texts)
    lengths = np.empty(len(distinct), np.int32)
    for first in range(0, len(distinct), _AT_ONCE):
        some = distinct[first : first + _AT_ONCE].tolist()
        lengths[first : first + _AT_ONCE] = [len(ids) for ids in encode(some)]
    return lengths[codes]


def _encode(encode: Callable[[list[str]], list[list[int]]], texts: pd.Series) -> list[list[int]]:
    """Return the token ids of texts, tokenizing each distinct text once."""
    distinct = texts.unique().tolist()
    ids = dict(zip(distinct, encode(distinct), strict=True))
    return [ids[text] for text in texts]


@torch.inference_mode()
def _with_image_states(inference: InferenceModel, batch: PackedBatch, cache: Path | None) -> PackedBatch:
    """Return the batch with its image states: read from the cache file, or computed and written to it."""
    compute = inference.params.compute
    if batch.pictures is None and cache is not None:
        try:
            states = _read_states(cache).map(lambda tensor: tensor.to(inference.device))
        except (SafetensorError, KeyError) as error:
            raise ModelError(f"{cache} is damaged ({error}): delete it") from error
        return replace(batch, image_states=states)
    with autocast(inference.device, compute.precision):
        states = image_states_of(inference.model, batch, VisionOptions(compiled=compute.compile))
    if cache is not None:
        with replacing(cache) as unfinished:
            _write_states(states, unfinished)
    return replace(batch, image_states=states)


def _write_states(states: Ragged, path: Path) -> None:
    tensors = {name: tensor.cpu().contiguous() for name, tensor in states.tensors.items()}
    save_file(tensors | {f"{_ROWS}{name}": torch.tensor(rows) for name, rows in states.rows.items()}, path)


def _read_states(path: Path) -> Ragged:
    """Return what `_write_states` wrote; raises SafetensorError or KeyError where it is damaged."""
    kept = load_file(path)
    names = [name for name in kept if not name.startswith(_ROWS)]
    rows = {name: tuple(kept[f"{_ROWS}{name}"].tolist()) for name in names}
    return Ragged({name: kept[name] for name in names}, rows)
