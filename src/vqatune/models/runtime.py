"""What the models run on: the device, the number of threads, the seeds."""

import torch

from vqatune.errors import ParameterError
from vqatune.params import ComputeParams
from vqatune.ranks import rank


def start(compute: ComputeParams, seed: int, *purpose: str) -> torch.device:
    """Set the CPU's threads and torch's seed for one purpose and return the device that models run on.

    Raises ParameterError where the device is unknown or absent.
    """
    torch.set_num_threads(compute.threads)
    torch.manual_seed(rank(seed, *purpose) >> 1)
    name = compute.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParameterError(
            f"compute.device is {compute.device!r}, which cannot be used here ({reason}): set it to auto or cpu"
        ) from error
    return device
