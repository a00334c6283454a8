"""Loading a version's model and processor, from adapter and base, or from a whole checkpoint."""

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from vqatune.errors import ModelError
from vqatune.models import lora
from vqatune.models.adapter_precision import merge
from vqatune.models.checkpoint import fingerprint, fingerprinted_files, load_model
from vqatune.models.encoder import Encoder, load_encoder
from vqatune.models.prepare import adapter_weights
from vqatune.models.quantization import WHOLE
from vqatune.training.chain_state import read_chain_state


def load_version(
    folder: Path,
    base: Path | None = None,
    dtype: torch.dtype = torch.float32,
    quantization: str = WHOLE,
) -> tuple[nn.Module, Encoder]:
    """Return a version, and the encoder of its images and texts; its adapter is merged, unless the base is quantized.

    Args:
        folder: an adapter (models/v13), or a whole checkpoint: the base (models/base), or a merged export.
        base: the checkpoint that the adapter is for; None for the folder `base` beside it.
        dtype: of the weights.
        quantization: of the linear layers, as compute.quantization.

    Raises:
        ModelError: there is no model in the folder, it is incomplete, or the adapter is for another base (without
            training_state/position.json only shapes are compared).
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} does not exist: run `dvc repro` or `dvc pull`, or name another folder")
    if not (folder / "adapter_config.json").exists():
        if not (folder / "config.json").exists():
            raise ModelError(
                f"{folder} holds neither an adapter nor a model: name a folder such as models/v13"
            )
        if base is not None:
            raise ModelError(f"{folder} is a whole model: it takes no base")
        encoder = load_whole_encoder(folder)
        return load_model(folder, dtype, quantization), encoder
    base = folder.parent / "base" if base is None else base
    if not base.is_dir():
        raise ModelError(
            f"{base}, the base model of the adapter {folder}, does not exist: run `dvc repro base` or `dvc pull`, "
            "or say where it is"
        )
    if not (base / "config.json").exists():
        raise ModelError(
            f"{base}, the base model of the adapter {folder}, lacks config.json: run `dvc checkout`"
        )
    # Before the base, which may take minutes to load.
    lora.check_adapter(folder)
    encoder = load_whole_encoder(folder)
    if quantization != WHOLE:
        model = load_model(base, dtype, quantization)
        _check_same_base(folder, base)
        return attach_adapter(model, folder), encoder
    # As it is stored: what the adapter is merged into must not be rounded before.
    model = load_model(base, None)
    _check_same_base(folder, base)
    return merge_adapter(model, folder, dtype), encoder


def _check_same_base(folder: Path, base: Path) -> None:
    path = folder / "training_state" / "position.json"
    if not path.exists():
        return
    state = read_chain_state(folder)
    stats = [path.stat() for path in fingerprinted_files(base)]
    if state.base != _fingerprint(base.resolve(), tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)):
        raise ModelError(
            f"{folder} was tuned from another base model than {base} is: restore both with `dvc checkout`"
        )


@lru_cache(maxsize=4)
def _fingerprint(base: Path, modified_and_sizes: tuple[tuple[int, int], ...]) -> str:
    # Cached, because hashing a large base takes seconds and all versions share it.
    return fingerprint(base)


def merge_adapter(model: nn.Module, adapter: Path, dtype: torch.dtype | None = None) -> nn.Module:
    """Merge an adapter into its base model, and return it in `dtype` (None: that of the base).

    Raises ModelError where the adapter is incomplete, does not fit, or has weights that are not finite.
    """
    adapted = lora.load_adapter(model, adapter)
    try:
        return merge(adapted, dtype, check=True)
    except ValueError as error:
        raise ModelError(f"{adapter} holds weights that are not finite: run its train stage again") from error


def attach_adapter(model: nn.Module, adapter: Path) -> nn.Module:
    """Return the base model with an adapter's layers in it, which are in float32; raises ModelError as `merge_adapter`."""
    adapted = lora.load_adapter(model, adapter)
    if not all(weight.isfinite().all() for weight in adapter_weights(adapted)):
        raise ModelError(f"{adapter} holds weights that are not finite: run its train stage again")
    return adapted.get_base_model()


def load_whole_encoder(folder: Path) -> Encoder:
    """Load the processor of a folder; raises ModelError where it is incomplete or damaged."""
    # Without these transformers silently makes a tokenizer without words, or with another first token.
    for names in (("tokenizer.json", "vocab.txt", "spiece.model"), ("tokenizer_config.json",)):
        if not any((folder / name).exists() for name in names):
            raise ModelError(f"{folder} lacks {names[0]}: run `dvc checkout`, or get the folder again")
    return load_encoder(folder)
