"""Checkpoints in transformers' format, of any family; on loading, missing and unexpected weights are errors."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils import logging

from vqatune.errors import ModelError, VqatuneError
from vqatune.models.family_lookup import family_named, model_type
from vqatune.models.folder_files.config import read_config
from vqatune.models.folder_files.folder import check_model_files
from vqatune.models.quantization import WHOLE, is_quantized, quantization_config, use_plain_products
from vqatune.models.reference import FILE, find_referenced, read_reference
from vqatune.models.weight_files import find_weights, stored_dtype, stored_numbers
from vqatune.runtime.extras import naming_extras

MOST_SAID = 500
"""Characters of another library's reason in an error; transformers lists all its models."""
SPARE = 2**20
"""Weights that may be missing and are then said by name, however small a model is."""

logging.set_verbosity_error()
logging.disable_progress_bar()


def load_model(
    source: str | Path, dtype: torch.dtype | None = torch.float32, quantization: str = WHOLE, **hub: Any
) -> nn.Module:
    """Load the model of a folder or hub name, of whichever family it is.

    Args:
        source: the folder or name.
        dtype: of the weights; None for the one that they are stored in.
        quantization: of the linear layers, as compute.quantization, from their weights in dtype; on the CPU, so that every
            device gets the same. They compute in float32 until `prepare_model`.
        hub: `revision`, for a name.

    Raises ModelError where there is no such checkpoint, its family is not known, files of it are missing, or its weights
    are not exactly those of the architecture, and MissingExtraError without bitsandbytes where it is needed.
    """
    return family_named(model_type(source, **hub)).load_model(source, dtype, quantization, **hub)


def load_weights(
    kind: type[PreTrainedModel],
    source: str | Path,
    dtype: torch.dtype | None = torch.float32,
    quantization: str = WHOLE,
    **hub: Any,
) -> nn.Module:
    """Load a checkpoint as a class of transformers, from one or several files in safetensors, or those it refers to.

    Arguments and errors are those of `load_model`.
    """
    with model_errors(f"{source} cannot be loaded as a {kind.__name__}"):
        check_model_files(source, **hub)
        config = _configuration(kind, source, **hub)
        reference = read_reference(source)
        if reference is None:
            files = find_weights(source, **hub)
        else:
            files, hub = find_referenced(reference), {}
        # What config.json says of the dtype may be wrong, so that weights would be rounded.
        dtype = stored_dtype(files) if dtype is None else dtype
        with torch.device("meta"):
            empty = kind(deepcopy(config))
        _check_size(empty, files)
        if quantization != WHOLE:
            hub |= _quantizing(empty, quantization)
        model, loading = kind.from_pretrained(
            source if reference is None else files[0].parent,
            config=config,
            use_safetensors=True,
            output_loading_info=True,
            dtype=dtype,
            **hub,
        )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        names = sorted(str(name) for name in loading.get(problem) or ())
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise ModelError(
                f"{source} does not hold the weights of its architecture, {problem.replace('_', ' ')}: {shown}; "
                "get the checkpoint again"
            )
    for weight in model.parameters():
        # Some classes of transformers keep parts in float32, whatever they are told: a stored base would grow.
        if not is_quantized(weight):
            # As they come, a few whole weights keep all pages of the file in memory.
            weight.data = weight.data.to(dtype, copy=quantization != WHOLE)
    if quantization != WHOLE:
        use_plain_products(model)
    # By it peft names the base of an adapter, wherever the weights are.
    model.name_or_path = str(source)
    return model


@contextmanager
def model_errors(said: str) -> Iterator[None]:
    """Turn what is raised of the files of a model into a ModelError of one line, `said` and the reason.

    transformers, tokenizers and safetensors raise errors of many kinds of damaged files, bare Exceptions among them, and
    the panic of a tokenizer is not even one.
    """
    try:
        yield
    except (VqatuneError, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{said}: {reason[:MOST_SAID]}") from error


def _configuration(kind: type[PreTrainedModel], source: str | Path, **hub: Any) -> PretrainedConfig:
    """Return the configuration of a checkpoint, without its choice of code that computes attention.

    transformers then takes its own; what a file names may be code on the hub, or not installed.
    """
    config = kind.config_class.from_pretrained(source, **hub)
    # Of the configurations inside, too.
    config._attn_implementation = config._experts_implementation = None
    return config


def _check_size(empty: PreTrainedModel, files: Sequence[Path]) -> None:
    """Raise ValueError where a model is much larger than its weights: transformers would make those that are missing."""
    described, stored = sum(weight.numel() for weight in empty.parameters()), stored_numbers(files)
    if described > 2 * stored + SPARE:
        raise ValueError(
            f"config.json describes a model of {described:,} weights, and its files hold {stored:,}: get the checkpoint again"
        )


def _quantizing(empty: PreTrainedModel, quantization: str) -> dict[str, Any]:
    """Return the arguments by which transformers quantizes a checkpoint as it loads it."""
    with naming_extras():
        import bitsandbytes  # noqa: F401
    return {
        "quantization_config": quantization_config(empty, quantization),
        "device_map": {"": "cpu"},
    }


def fingerprinted_files(folder: Path) -> list[Path]:
    """Return the files beside config.json that decide the fingerprint; raises as `fingerprint`."""
    reference = folder / FILE
    return [reference] if reference.is_file() else find_weights(folder)


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights and configuration, in hexadecimal.

    Of weights that are kept as a reference it is that of their SHA-256.

    Raises OSError, ValueError or ModelError where a file is missing or damaged.
    """
    digest = hashlib.sha256()
    config = read_config(folder / "config.json")
    digest.update(json.dumps(config, sort_keys=True).encode())
    reference = read_reference(folder)
    if reference is not None:
        digest.update(
            json.dumps({name: file.sha256 for name, file in sorted(reference.files.items())}).encode()
        )
        return digest.hexdigest()
    for path in find_weights(folder):
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
    return digest.hexdigest()
