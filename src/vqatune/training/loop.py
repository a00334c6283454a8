"""One version: its batch, from the version before, in steps that can be interrupted and gone on with."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import broadcast, broadcast_object_list, gather_object

from vqatune.errors import DataError, ModelError
from vqatune.loading.loader import Encoder, ImageReader, Loaded, Pictures, load_pictures
from vqatune.loading.steps import Pass, epoch_groups, plan_steps
from vqatune.models import lora
from vqatune.models.device import device_name, place, reseed, start
from vqatune.models.families.blip import fingerprint, load_model, load_processor, save_processor
from vqatune.models.packing import Batch, make_batch
from vqatune.params import Params
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_contents, digest_folder, digest_table, make_key
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.progress import bar
from vqatune.runtime.tracking import Reports, check_trackers, reporting
from vqatune.tables import replacing_folder, write_csv
from vqatune.training.chain_state import Position, load_state, save_state
from vqatune.training.checkpoints import Checkpoints
from vqatune.training.optimizer import Optimization


def train_version(
    params: Params,
    version: str,
    base: Path,
    previous: Path | None,
    pairs: pd.DataFrame,
    places: pd.DataFrame,
    folder: Path,
    work: Path | None = None,
) -> pd.DataFrame:
    """Train one version and write its adapter, processor, training state and log into `folder`.

    Args:
        params: uses seed, lora, train, compute.
        version: its name, which its random numbers depend on.
        base: folder of the base checkpoint.
        previous: folder of the version before; None for the first, which starts from the base.
        pairs: tables.BATCH.
        places: image_id, archive, offset, length of at least the batch's images.
        folder: appears when all is written, not before.
        work: where checkpoints are kept, and taken up, and where trackers write; None for neither.

    Returns:
        The log, a row a step: step, loss, smoothed_loss, learning_rate, gradient_norm, padding (its share where
        texts are laid out for attention), pairs_seen, images_skipped (so far, as their pictures do not open).

    Raises:
        DataError: the batch is empty, or none of its pictures opens.
        ModelError: the previous version has another base model or other LoRA parameters, a checkpoint is
            incomplete, or the loss is not finite.
        ParameterError: a tracker of train.report_to is not installed, or does not start.
        Stopped: a signal came; a checkpoint is kept.
    """
    if pairs.empty:
        raise DataError(f"the batch of {version} holds no pairs: run `dvc repro batch`")
    check_trackers(params.train.report_to)
    device = start(params.compute, params.seed, "train", version)
    processor = load_processor(base)
    model, base_print = load_model(base), fingerprint(base)
    if previous is None:
        model = lora.new_adapter(model, params.lora)
    else:
        model = lora.continue_adapter(model, previous, params.lora)
    place(model, device, params.compute.precision)
    model.train()
    feed = _Feed(params, pairs, ImageReader(places), Encoder(processor))
    optimization = Optimization(model, params, device, len(feed.steps))
    position = Position(version, base_print, step=0, pairs_seen=0)
    if previous is not None:
        position = load_state(previous, model, optimization.optimizer, base_print)
    checkpoints = None
    if work is not None:
        key = _key(params, version, base, previous, feed, device)
        checkpoints = Checkpoints(work / "training" / version, key)
    with reporting(version, params, work) as reports:
        _take_steps(optimization, feed, version, checkpoints, reports)
    if not optimization.log:
        raise DataError(
            f"no picture of the batch of {version} opens: run `dvc repro -f raw`, then `dvc repro`"
        )
    log = pd.DataFrame(optimization.log)
    position = replace(
        position,
        version=version,
        step=position.step + len(log),
        pairs_seen=position.pairs_seen + int(log["pairs_seen"].iloc[-1]),
    )
    if PartialState().is_main_process:
        with replacing_folder(folder) as unfinished:
            lora.save_adapter(model, unfinished)
            save_processor(processor, unfinished)
            save_state(unfinished / "training_state", model, optimization.optimizer, position)
            write_csv(log, unfinished / "log.csv")
        if checkpoints:
            checkpoints.remove()
    PartialState().wait_for_everyone()
    return log


class _Feed:
    """The steps of a version, and what the model is given in each."""

    def __init__(self, params: Params, pairs: pd.DataFrame, reader: ImageReader, encoder: Encoder) -> None:
        train, self.processes = params.train, PartialState().num_processes
        self.params, self.pairs, self.reader, self.encoder = params, pairs, reader, encoder
        self.questions = encoder.questions(pairs["question"].tolist())
        self.answers = encoder.answers(pairs["answer"].tolist())
        tokens = pd.Series(map(len, self.questions)).to_numpy()
        self.steps: list[list[list[Pass]]] = []
        """[step][process][pass]"""
        for epoch in range(train.epochs):
            groups = epoch_groups(pairs, params.seed, epoch, train.questions_per_image)
            self.steps += plan_steps(
                groups,
                tokens,
                train.images_per_step,
                train.max_pairs_per_step,
                train.accumulation_steps,
                self.processes,
            )
        self.skipped: set[str] = set()
        """Images that do not open, in any process."""

    def images(self, step: int) -> int:
        """Return how many images a step has, over all processes."""
        return sum(len(chosen) for passes in self.steps[step] for chosen in passes)

    def planned(self, step: int) -> int:
        """Return how many pairs a step has, over all processes."""
        return sum(len(group) for passes in self.steps[step] for chosen in passes for group in chosen)

    def from_step(self, first: int, pin: bool) -> Iterator[Iterator[tuple[list[str], Batch]]]:
        """Yield what this process works on in each step from `first` on, pictures being prepared meanwhile."""
        own = [processes[PartialState().process_index] for processes in self.steps[first:]]
        images = [
            [self.pairs["image_id"].iloc[group[0]] for group in chosen] for passes in own for chosen in passes
        ]
        pictures = Pictures(images, self.reader, self.encoder)
        loaded = load_pictures(pictures, self.params.compute.loader_processes, pin)
        for passes in own:
            made = (self._batch(chosen, next(loaded)) for chosen in passes)
            yield (batch for batch in made if batch)

    def share_skipped(self) -> None:
        """Let every process know which images have been skipped by any."""
        if self.processes > 1:
            self.skipped = set(gather_object(sorted(self.skipped)))

    def _batch(self, chosen: Pass, pictures: Loaded) -> tuple[list[str], Batch] | None:
        for number, error in pictures.failures.items():
            image_id = self.pairs["image_id"].iloc[chosen[number][0]]
            if image_id not in self.skipped:
                self.skipped.add(image_id)
                print(f"{error}; its questions are left out", file=sys.stderr)
        groups = [group for number, group in enumerate(chosen) if number not in pictures.failures]
        rows = [row for group in groups for row in group]
        if not rows:
            return None
        batch = make_batch(
            pictures.pixel_values,
            [len(group) for group in groups],
            [self.questions[row] for row in rows],
            [self.answers[row] for row in rows],
        )
        return self.pairs["qa_id"].iloc[rows].tolist(), batch


def _take_steps(
    optimization: Optimization,
    feed: _Feed,
    version: str,
    checkpoints: Checkpoints | None,
    reports: Reports,
) -> None:
    """Take all steps that are not yet taken; the state is kept every so often, and when a signal or a failure ends it."""
    params, process = feed.params, PartialState().process_index
    done = 0
    if PartialState().num_processes > 1:
        # Machines of other make may draw, or take apart, other matrices.
        broadcast([weight.data for weight in optimization.trained.values()])
    # The other processes may be on machines of their own.
    saved = [checkpoints.load() if checkpoints and PartialState().is_main_process else None]
    if PartialState().num_processes > 1:
        broadcast_object_list(saved)
    if saved[0]:
        tensors, record = saved[0]
        done, feed.skipped = record.pop("done"), set(record.pop("skipped"))
        optimization.restore(tensors, record)
        reports.follow(optimization.log)

    def save() -> None:
        if checkpoints and PartialState().is_main_process:
            tensors, record = optimization.state()
            checkpoints.save(done, tensors, record | {"done": done, "skipped": sorted(feed.skipped)})

    steps = feed.from_step(done, pin=optimization.device.type == "cuda")
    with Interrupts() as interrupts, bar() as progress:
        total = sum(map(feed.images, range(len(feed.steps))))
        task = progress.add_task(
            f"train {version}", total=total, completed=sum(map(feed.images, range(done)))
        )
        for passes in steps:
            # A step's random numbers are its own, so that none need to be kept.
            reseed(params.seed, "train", version, done, process)
            try:
                stopped = optimization.take_step(
                    passes, feed.planned(done), version, interrupts.pending is not None
                )
            except ModelError:
                save()
                raise
            feed.share_skipped()
            if optimization.log:
                optimization.log[-1]["images_skipped"] = len(feed.skipped)
            reports.follow(optimization.log)
            progress.advance(task, feed.images(done))
            done += 1
            if done % params.train.checkpoint_every == 0 or stopped:
                save()
            if stopped and done < len(feed.steps):
                PartialState().wait_for_everyone()
                interrupts.stop(f"after step {done} of {len(feed.steps)}")


def _key(
    params: Params, version: str, base: Path, previous: Path | None, feed: _Feed, device: torch.device
) -> str:
    """Return a key of everything that the version's bytes depend on."""
    return make_key(
        version=version,
        base=digest_folder(base),
        previous=None if previous is None else digest_folder(previous),
        pairs=digest_table(feed.pairs, ["qa_id", "image_id", "copy", "question", "answer"]),
        pictures=digest_contents(map(feed.reader.content, dict.fromkeys(feed.pairs["image_id"]))),
        seed=params.seed,
        lora=params.lora.model_dump(),
        train=params.train.model_dump(exclude={"checkpoint_every", "launcher", "report_to"}),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(device),
        processes=feed.processes,
        code=digest_code(__name__),
    )
