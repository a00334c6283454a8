"""Questions put to a model image by image, in passes whose results are kept, so that they can be interrupted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
from vqatune.inference.partial_results import Parts
from vqatune.loading.loader import Encoder, ImageReader, Pictures, load_pictures
from vqatune.loading.steps import cut_passes, image_groups
from vqatune.models.device import autocast
from vqatune.models.families.blip import Tower, look
from vqatune.models.packing import Batch, make_batch, to
from vqatune.params import Params
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.progress import bar
from vqatune.tables import replacing


@dataclass(frozen=True)
class Viewer:
    """A version of the model, and all that it needs to be asked about pictures."""

    model: torch.nn.Module
    """In its place and in evaluation mode."""
    encoder: Encoder
    reader: ImageReader
    params: Params
    """Uses predict and compute."""
    device: torch.device
    states: Path | None = None
    """The folder in which the vision tower's states are kept, by pass, and taken up."""


def go_through(
    viewer: Viewer,
    asked: pd.DataFrame,
    take: Callable[[list[int], Batch], Iterable[tuple]],
    lose: Callable[[list[int], ImageError], list[tuple]],
    schema: pa.Schema,
    folder: Path | None,
    description: str,
    more: bool = False,
) -> list[tuple]:
    """Return the results of all questions, from all processes.

    Args:
        viewer: what is asked.
        asked: image_id, question and, where an answer is given, prediction; an image's rows are neighbours.
        take: results of the rows with these numbers, from the batch of them, which is on the device and holds the
            vision tower's states.
        lose: results of the rows with these numbers, whose picture does not open.
        schema: the columns of a result.
        folder: where results are kept as they come, and taken up; None for nowhere. Its name is a key of everything
            that they depend on.
        description: shown while it works.
        more: whether other work follows, so that a signal in the last pass is no reason to go on.

    Raises:
        DataError: an image is not in the table of places, or its archive is missing.
        ModelError: kept vision states are damaged.
        Stopped: a signal came; the results so far are kept.
    """
    compute, predict, process = viewer.params.compute, viewer.params.predict, PartialState().process_index
    questions = _encode(viewer.encoder.questions, asked["question"])
    answers = _encode(viewer.encoder.answers, asked["prediction"]) if "prediction" in asked else None
    lengths = np.array([len(question) for question in questions])
    passes = cut_passes(image_groups(asked), lengths, predict.images_per_step, predict.max_pairs_per_step)[
        process :: PartialState().num_processes
    ]
    parts = Parts(folder / f"{process}", schema) if folder else None
    results, done = parts.load() if parts else ([], 0)
    kept = len(results)
    todo = passes[done:]
    images = [[asked["image_id"].iloc[group[0]] for group in chosen] for chosen in todo]
    pictures = Pictures(images, viewer.reader, viewer.encoder, viewer.states)
    with Interrupts() as interrupts, bar() as progress:
        total = sum(map(len, passes))
        task = progress.add_task(description, total=total, completed=total - sum(map(len, todo)))
        for chosen, loaded in zip(todo, load_pictures(pictures, compute.loader_processes), strict=True):
            for number, error in loaded.failures.items():
                results += lose(chosen[number].tolist(), error)
            groups = [group.tolist() for number, group in enumerate(chosen) if number not in loaded.failures]
            rows = [row for group in groups for row in group]
            if rows:
                batch = make_batch(
                    loaded.pixel_values,
                    [len(group) for group in groups],
                    [questions[row] for row in rows],
                    [answers[row] for row in rows] if answers else None,
                )
                results += take(rows, _see(viewer, to(batch, viewer.device), loaded.kept))
            progress.advance(task, len(chosen))
            done += 1
            stop = interrupts.pending is not None and (more or done < len(passes))
            if parts and (done % predict.checkpoint_every == 0 or stop or done == len(passes)):
                parts.save(done, results[kept:])
                kept = len(results)
            if stop:
                interrupts.stop(f"after {done} of {len(passes)} passes ({description})")
    return gather_object(results)


def _encode(encode: Callable[[list[str]], list[list[int]]], texts: pd.Series) -> list[list[int]]:
    """Return the token ids of texts of which many are the same."""
    distinct = texts.unique().tolist()
    ids = dict(zip(distinct, encode(distinct), strict=True))
    return [ids[text] for text in texts]


@torch.inference_mode()
def _see(viewer: Viewer, batch: Batch, kept: Path | None) -> Batch:
    """Return the batch with the vision tower's states, which are kept, or taken up, where a file is named for them."""
    compute = viewer.params.compute
    if batch.pixel_values is None:
        try:
            states = load_file(kept)["states"].to(viewer.device)
        except (SafetensorError, KeyError) as error:
            raise ModelError(f"{kept} is damaged ({error}): delete it") from error
        return replace(batch, image_states=states)
    with autocast(viewer.device, compute.precision):
        states = look(viewer.model, batch, Tower(compiled=compute.compile))
    if kept is not None:
        with replacing(kept) as unfinished:
            save_file({"states": states.cpu().contiguous()}, unfinished)
    return replace(batch, image_states=states)
