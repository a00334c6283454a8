"""Training of one version on its master batch, from the previous version; interrupted training resumes."""

import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from accelerate import PartialState
from accelerate.utils import broadcast, broadcast_object_list

from vqatune.errors import DataError, ModelError
from vqatune.loading.places import Places
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.checkpoint import fingerprint, load_model
from vqatune.models.device import PRECISIONS, device_name, reseed, start
from vqatune.models.encoder import Encoder, load_encoder
from vqatune.models.family_lookup import tunable_family
from vqatune.models.prepare import prepare_model, train_adapter
from vqatune.models.quantization import check_quantization
from vqatune.params import Params
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_folder, digest_table, make_key
from vqatune.runtime.interrupt import Interrupts
from vqatune.runtime.tracking import Reports, check_trackers, reporting
from vqatune.runtime.training_display import TrainingDisplay
from vqatune.tables import replacing_folder, write_csv
from vqatune.training.chain_state import ChainState, check_base, load_state, save_state
from vqatune.training.checkpoints import Checkpoints
from vqatune.training.optimizer import Optimization
from vqatune.training.plan import Plan

_logger = logging.getLogger(__name__)


def train_version(
    params: Params,
    version: str,
    base: Path,
    previous: Path | None,
    pairs: pd.DataFrame,
    places: Places | pd.DataFrame,
    folder: Path,
    work: Path | None = None,
) -> pd.DataFrame:
    """Train one version and write its adapter, processor, training state and log into `folder`.

    Args:
        params: uses lora, train, compute.
        version: its name, which seeds its random numbers.
        base: folder of the base checkpoint.
        previous: folder of the previous version; None for the first, which starts from the base.
        pairs: tables.BATCH.
        places: of at least the images of the pairs, or a table of them: image_id, archive, offset, length.
        folder: written atomically.
        work: the folder of resume checkpoints and trackers; None for neither.

    Returns:
        The log, a row per step: step, loss, smoothed_loss, learning_rate, gradient_norm, padding (its share in
        attention's rows), pairs_seen, images_skipped (so far, as they do not open).

    Raises:
        DataError: there are no pairs, none of their images opens, or none of their answers is a label of the model.
        ModelError: the base is of a family that has no loss, the previous version has another base model or other LoRA parameters, a checkpoint is
            incomplete, or the loss is not finite.
        ParameterError: a tracker of train.report_to is not installed, or does not start; or compute.quantization is impossible
            here, or with this lora.
        Stopped: a signal came; a checkpoint is written.
    """
    if pairs.empty:
        raise DataError(f"the batch of {version} holds no pairs: run `dvc repro batch`")
    check_trackers(params.train.report_to)
    device = start(params.compute, params.train.seed, "train", version)
    quantization = params.compute.quantization
    check_quantization(params.compute, device)
    lora.check_variant(params.lora, quantization)
    encoder = load_encoder(base)
    tunable_family(encoder.model_type)
    pairs = _with_label(encoder, pairs, version)
    # PiSSA decomposes the base's weights and moves a part of them into the adapter, both in float32.
    pissa = params.lora.variant == "pissa"
    dtype = torch.float32 if pissa else PRECISIONS[params.compute.precision]
    model = load_model(base, dtype, quantization)
    base_print = fingerprint(base)
    if previous is None:
        model = lora.new_adapter(model, params.lora)
    else:
        # First, because to another base the adapter would seem to have other LoRA parameters.
        check_base(previous, base_print)
        model = lora.continue_adapter(model, previous, params.lora)
    prepare_model(model, device, params.compute.precision)
    train_adapter(model)
    plan = Plan(params, pairs, ImageReader(places), encoder)
    optimization = Optimization(model, params, device, len(plan))
    state = ChainState(version, base_print, step=0, pairs_seen=0)
    if previous is not None:
        optimizer = optimization.optimizer if params.train.carry_optimizer else None
        state = load_state(previous, model, optimizer)
    checkpoints = None
    if work is not None:
        key = _key(params, version, base, previous, plan, device)
        checkpoints = Checkpoints(work / "training" / version, key)
    with reporting(version, params, work) as reports:
        _take_steps(optimization, plan, version, checkpoints, reports)
    if not optimization.log:
        raise DataError(
            f"no picture of the batch of {version} opens: run `dvc repro -f raw`, then `dvc repro`"
        )
    log = pd.DataFrame(optimization.log)
    state = replace(
        state,
        version=version,
        step=state.step + len(log),
        pairs_seen=state.pairs_seen + int(log["pairs_seen"].iloc[-1]),
    )
    if PartialState().is_main_process:
        with replacing_folder(folder) as unfinished:
            lora.save_adapter(model, unfinished)
            encoder.family.save_processor(encoder.processor, unfinished)
            save_state(unfinished / "training_state", model, optimization.optimizer, state)
            write_csv(log, unfinished / "log.csv")
        if checkpoints:
            checkpoints.remove()
    PartialState().wait_for_everyone()
    return log


def _with_label(encoder: Encoder, pairs: pd.DataFrame, version: str) -> pd.DataFrame:
    """Return the pairs whose answer the model can give, and warn of the others; raises DataError where there is none."""
    unlabelled = encoder.without_label(pairs["answer"].unique().tolist())
    if not unlabelled:
        return pairs
    kept = pairs[~pairs["answer"].isin(unlabelled)]
    if kept.empty:
        raise DataError(
            f"no answer of the batch of {version} is a label of the model: take another model.name"
        )
    _logger.warning(
        "%s of %s pairs of %s are left out: their answer is no label of the model, such as %r",
        f"{len(pairs) - len(kept):,}",
        f"{len(pairs):,}",
        version,
        unlabelled[0],
    )
    return kept.reset_index(drop=True)


def _take_steps(
    optimization: Optimization,
    plan: Plan,
    version: str,
    checkpoints: Checkpoints | None,
    reports: Reports,
) -> None:
    """Take the remaining optimizer steps; save a checkpoint every few steps, and when a signal or error ends them."""
    params, process = plan.params, PartialState().process_index
    done = 0
    if PartialState().num_processes > 1:
        # Other hardware may initialise, or decompose, to different matrices.
        broadcast([weight.data for weight in optimization.trained.values()])
    # Other processes may run on other machines, without these files.
    saved = [checkpoints.load() if checkpoints and PartialState().is_main_process else None]
    if PartialState().num_processes > 1:
        broadcast_object_list(saved)
    if saved[0] and _has_same_pictures(plan, saved[0][1]):
        tensors, record = saved[0]
        done, plan.skipped = record.pop("done"), set(record.pop("skipped"))
        plan.pictures = int(record.pop("pictures"), 16)
        optimization.restore(tensors, record)
        reports.follow(optimization.log)
    elif saved[0] and checkpoints and PartialState().is_main_process:
        _logger.warning("checkpoint %s saw other pictures: training starts anew", checkpoints.folder)
        # Later steps of what cannot be gone on from would be taken for the newest.
        checkpoints.remove()

    def save() -> None:
        if checkpoints and PartialState().is_main_process:
            tensors, record = optimization.state()
            work = {"done": done, "skipped": sorted(plan.skipped), "pictures": f"{plan.pictures:032x}"}
            checkpoints.save(done, tensors, record | work)

    steps = plan.from_step(done, pin=optimization.device.type == "cuda")
    trained, parameters = optimization.model.get_nb_trainable_parameters()
    display = TrainingDisplay(
        f"train {version}, {trained:,} of {parameters:,} parameters",
        images=sum(map(plan.images, range(len(plan)))),
        done=sum(map(plan.images, range(done))),
        seen=int(optimization.log[-1]["pairs_seen"]) if optimization.log else 0,
    )
    with Interrupts() as interrupts, display:
        for planned, batches in steps:
            # Every step has its own seed, so that checkpoints need no generator state.
            reseed(params.train.seed, "train", version, done, process)
            try:
                stopped = optimization.take_step(batches, planned, version, interrupts.pending is not None)
            except ModelError:
                save()
                raise
            plan.share()
            if optimization.log:
                optimization.log[-1]["images_skipped"] = len(plan.skipped)
            reports.follow(optimization.log)
            display.advance(plan.images(done), optimization.log)
            done += 1
            if done % params.train.checkpoint_every == 0 or stopped:
                save()
            if stopped and done < len(plan):
                PartialState().wait_for_everyone()
                interrupts.stop(f"after step {done} of {len(plan)}")


def _has_same_pictures(plan: Plan, record: dict) -> bool:
    """Return whether a checkpoint's steps would see the same pictures now."""
    return plan.digest_before(record["done"]) == int(record["pictures"], 16)


def _key(
    params: Params, version: str, base: Path, previous: Path | None, plan: Plan, device: torch.device
) -> str:
    """Return a key of everything that determines the version's bytes, but the pictures: a checkpoint has their digest."""
    return make_key(
        version=version,
        base=digest_folder(base),
        previous=None if previous is None else digest_folder(previous),
        pairs=digest_table(plan.pairs, ["qa_id", "image_id", "copy", "question", "answer"]),
        lora=params.lora.model_dump(),
        train=params.train.model_dump(exclude={"checkpoint_every", "launcher", "report_to"}),
        compute=params.compute.model_dump(exclude={"loader_processes"}),
        device=device_name(device),
        processes=plan.processes,
        code=digest_code(__name__),
    )
