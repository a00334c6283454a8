"""What a prediction takes: memory of the weights, peak memory, and time."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import nn
from transformers import PreTrainedModel

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Measurement:
    """What one prediction took, in bytes and seconds; `predict` fills it in, once.

    On a GPU the peak is of the memory that torch holds there. On a CPU it is of what the process holds beyond what it held
    before the model was loaded, and None where the operating system is not Linux.
    """

    parameters: int = 0
    weight_bytes: int = 0
    peak_bytes: int | None = None
    questions: int = 0
    """Answered in `seconds`: fewer than there are where partial results were taken up."""
    seconds: float = 0.0
    """From the first picture that is read to the last answer."""
    _device: torch.device = field(default=torch.device("cpu"), repr=False)
    _held_before: int = field(default=0, repr=False)
    _started: float = field(default=0.0, repr=False)

    def before_loading(self, device: torch.device) -> None:
        """Start to measure the peak; the model is loaded next."""
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR.exists():
            # The peak starts anew from what the process holds now.
            _CLEAR.write_text("5")
            self._held_before = _held("VmRSS")

    def loaded(self, model: nn.Module) -> None:
        """Count the parameters and the bytes of a model of transformers on its device, each tensor once."""
        stock = cast("PreTrainedModel", model)
        self.parameters = stock.num_parameters()
        self.weight_bytes = stock.get_memory_footprint()

    def before_answering(self) -> None:
        """Start to measure the time."""
        self._started = time.perf_counter()

    def answered(self, questions: int) -> None:
        """Count questions whose answers are known."""
        self.questions += questions

    def after_answering(self) -> None:
        """Measure the time and the peak."""
        self.seconds = time.perf_counter() - self._started
        if self._device.type == "cuda":
            self.peak_bytes = torch.cuda.max_memory_allocated(self._device)
        elif _CLEAR.exists():
            self.peak_bytes = max(0, _held("VmHWM") - self._held_before)


def _held(name: str) -> int:
    """Return what Linux says of the memory of this process, in bytes."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return 1024 * int(lines[name].split()[0])
