"""What the models run on: device, precision, threads, seeds, and one process or several.

Started by `accelerate launch`, every process has a device of its own and a share of the work.
"""

import os
import shutil
import sys
from contextlib import AbstractContextManager

import torch
from accelerate import PartialState
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from vqatune.errors import ParameterError
from vqatune.models.dropout import speed_up_dropout
from vqatune.params import ComputeParams
from vqatune.runtime.launch import launched
from vqatune.tables.hash_ranks import hash_rank

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def start(compute: ComputeParams, seed: int, *purpose: str) -> torch.device:
    """Set the CPU's threads and torch's seed for one purpose and return the device that models run on.

    Raises ParameterError where the device is unknown or absent.
    """
    name = compute.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        processes = PartialState(cpu=name == "cpu")
        device = torch.device(name)
        if device.index is not None and processes.num_processes > 1:
            raise ParameterError(
                f"compute.device is {name}, but there are {processes.num_processes} processes: name no number, so that "
                "each takes a device of its own"
            )
        if processes.num_processes > 1 and device.type != "cpu":
            device = torch.device(device.type, processes.local_process_index)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(
            f"compute.device is {compute.device!r}, which cannot be used here ({reason}): set it to auto or cpu"
        ) from error
    if compute.compile and not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        raise ParameterError("compute.compile needs a C++ compiler: install g++, or set it to false")
    if launched() and processes.num_processes == 1:
        print(
            "the launcher has started one process only; accelerate takes --multi_gpu for several, on CPUs too",
            file=sys.stderr,
        )
    torch.set_num_threads(compute.threads)
    reseed(seed, *purpose)
    return device


def device_name(device: torch.device) -> str:
    """Return what a result's last digits depend on: the make of a GPU, or else the type of the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def reseed(seed: int, *purpose: str | int) -> None:
    """Start torch's random numbers anew for one purpose, so that they do not depend on what was drawn before."""
    torch.manual_seed(hash_rank(seed, *purpose) >> 1)


def place(model: nn.Module, device: torch.device, precision: str) -> None:
    """Bring a model to its device, what is not trained in the precision of computing, what is trained in float32."""
    dtype = PRECISIONS[precision]
    for weight in model.parameters():
        if not weight.requires_grad:
            weight.data = weight.data.to(dtype)
    model.to(device)
    speed_up_dropout(model)
    for module in model.modules():
        if isinstance(module, BaseTunerLayer) and precision != "float32":
            # Autocast brings the small matrices to the large states; peft would bring the states to the matrices.
            module.cast_input_dtype_enabled = False


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Return the context in which a placed model runs."""
    return torch.autocast(device.type, PRECISIONS[precision], enabled=precision != "float32")
