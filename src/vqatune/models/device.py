"""Device, threads, seeds and processes that models run with.

Under `accelerate launch` every process has its own device and its share of the work.
"""

import logging
import os
import shutil

import torch
from accelerate import PartialState

from vqatune.errors import ParameterError
from vqatune.params import ComputeParams
from vqatune.runtime.arithmetic import PORTABLE, arithmetic_in_use
from vqatune.runtime.launch import launched
from vqatune.tables.hash_ranks import hash_rank

_logger = logging.getLogger(__name__)

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def start(compute: ComputeParams, seed: int, *purpose: str) -> torch.device:
    """Set the number of CPU threads and torch's seed, and return the device to run on.

    Raises ParameterError where the device is unknown or absent, or a C++ compiler is missing for compute.compile.
    """
    name = compute.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        processes = PartialState(cpu=name == "cpu")
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it computes nothing")
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
    if compute.compile and device.type == "cpu" and arithmetic_in_use() == PORTABLE:
        # torch compiles for the processor's widest vectors, and computed NaN where the libraries take narrower ones.
        raise ParameterError(
            "compute.compile makes code for this processor alone, and compute.arithmetic is portable: set compute.compile "
            "to false, or compute.arithmetic to native"
        )
    if launched() and processes.num_processes == 1:
        _logger.warning(
            "the launcher has started one process only; accelerate takes --multi_gpu for several, on CPUs too"
        )
    torch.set_num_threads(compute.threads)
    reseed(seed, *purpose)
    return device


def device_name(device: torch.device) -> str:
    """Return the GPU's model name, or the type of another device: rounding depends on it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def reseed(seed: int, *purpose: str | int) -> None:
    """Seed torch for one purpose, so that its random numbers do not depend on earlier draws."""
    torch.manual_seed(hash_rank(seed, *purpose) >> 1)
