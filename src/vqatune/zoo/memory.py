"""Whether a checkpoint fits in memory, asked before it is loaded: a process without memory is killed without a word."""

import math
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from safetensors import safe_open

from vqatune.errors import ModelError

_GIB = 2**30
_QUANTIZED_BYTES = {"int8": 1.0, "nf4": 0.5}
"""Of a weight; other than quantized weights, such as embeddings, take more."""


def check_memory(
    files: Sequence[Path],
    what: str,
    dtype: torch.dtype | None,
    device: torch.device,
    quantization: str = "none",
) -> None:
    """Raise ModelError where the weights of a checkpoint alone take more memory than is free.

    Args:
        files: of its weights.
        what: it is called in the message.
        dtype: that they are loaded in; None for the one that they are stored in.
        device: that they are brought to.
        quantization: as compute.quantization.
    """
    needed = weights_bytes(files, dtype, quantization)
    free = free_bytes(device)
    if needed > free:
        raise ModelError(
            f"the weights of {what} take {needed / _GIB:.1f} GiB, and {device.type} has {free / _GIB:.1f} GiB free: take "
            "fewer bits (precision bf16, quantization int8 or nf4), or a machine with more memory"
        )


def weights_bytes(files: Sequence[Path], dtype: torch.dtype | None, quantization: str = "none") -> int:
    """Return the bytes that weights take at least once they are loaded, by the headers of their files."""
    total = 0.0
    for path in files:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                stored = {"F64": 8, "F32": 4, "I64": 8, "I32": 4, "F16": 2, "BF16": 2}.get(
                    part.get_dtype(), 1
                )
                each = float(stored if dtype is None else dtype.itemsize)
                total += math.prod(part.get_shape()) * min(each, _QUANTIZED_BYTES.get(quantization, each))
    return int(total)


def free_bytes(device: torch.device) -> int:
    """Return the bytes that a device has free: of a GPU its own, else the machine's."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
