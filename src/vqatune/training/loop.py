"""One version: an epoch over its batch, from the version before."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from vqatune.dataset.loader import Encoder, ImageReader, batches, image_groups
from vqatune.errors import DataError, ModelError
from vqatune.models import lora
from vqatune.models.blip import pair_losses
from vqatune.models.checkpoint import fingerprint, load_model, load_processor, save_processor
from vqatune.models.runtime import start
from vqatune.params import Params
from vqatune.progress import bar
from vqatune.tables import replacing_folder, write_csv
from vqatune.training.state import Position, load_state, save_state

SMOOTHING = 0.9
"""Weight of the past in the smoothed loss, an exponential mean corrected for its start."""


def train_version(
    params: Params,
    version: str,
    base: Path,
    previous: Path | None,
    pairs: pd.DataFrame,
    places: pd.DataFrame,
    folder: Path,
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

    Returns:
        The log, a row a step: step, loss, smoothed_loss, learning_rate, pairs_seen.

    Raises:
        DataError: the batch is empty. ModelError: the previous version has another base model or other LoRA
        parameters, a checkpoint is incomplete, or the loss is not finite.
    """
    if pairs.empty:
        raise DataError(f"the batch of {version} holds no pairs: run `dvc repro batch`")
    device = start(params.compute, params.seed, "train", version)
    processor = load_processor(base)
    model, base_print = load_model(base), fingerprint(base)
    if previous is None:
        model = lora.new_adapter(model, params.lora)
    else:
        model = lora.continue_adapter(model, previous, params.lora)
    model.to(device).train()
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=params.train.learning_rate, weight_decay=params.train.weight_decay
    )
    position = Position(version, base_print, step=0, pairs_seen=0)
    if previous is not None:
        position = load_state(previous / "training_state", model, optimizer, base_print)
    log = _epoch(model, optimizer, params, version, pairs, ImageReader(places), Encoder(processor), device)
    position = replace(
        position, version=version, step=position.step + len(log), pairs_seen=position.pairs_seen + len(pairs)
    )
    with replacing_folder(folder) as unfinished:
        lora.save_adapter(model, unfinished)
        save_processor(processor, unfinished)
        save_state(unfinished / "training_state", model, optimizer, position)
        write_csv(log, unfinished / "log.csv")
    return log


def _epoch(
    model: torch.nn.Module,
    optimizer: torch.optim.AdamW,
    params: Params,
    version: str,
    pairs: pd.DataFrame,
    reader: ImageReader,
    encoder: Encoder,
    device: torch.device,
) -> pd.DataFrame:
    blip = model.get_base_model()
    steps = batches(pairs, reader, encoder, params.train.images_per_step, answers=True)
    rows, average, seen = [], 0.0, 0
    with bar() as progress:
        task = progress.add_task(f"train {version}", total=len(image_groups(pairs)))
        for step, (chosen, batch) in enumerate(steps, start=1):
            loss = pair_losses(blip, batch.to(device)).mean()
            value = loss.item()
            if not math.isfinite(value):
                raise ModelError(
                    f"the loss of {version} is {value} at step {step}, pairs {_some(pairs['qa_id'].iloc[chosen])}: "
                    "lower train.learning_rate"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average = SMOOTHING * average + (1 - SMOOTHING) * value
            seen += len(chosen)
            rows.append(
                {
                    "step": step,
                    "loss": value,
                    "smoothed_loss": average / (1 - SMOOTHING**step),
                    "learning_rate": optimizer.param_groups[0]["lr"],
                    "pairs_seen": seen,
                }
            )
            progress.advance(task, len(batch.pixel_values))
    return pd.DataFrame(rows)


def _some(names: pd.Series) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
