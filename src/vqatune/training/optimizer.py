"""Optimizer steps with gradient accumulation over micro-batches and processes.

The loss of a step is the mean over its pairs, whichever micro-batch or process they are in.
"""

import math
from collections.abc import Callable, Iterable

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, reduce
from torch import Tensor, nn
from transformers import get_scheduler

from vqatune.errors import ModelError
from vqatune.models.family import VisionOptions
from vqatune.models.family_lookup import tunable_family
from vqatune.models.packing import PackedBatch, split_pairs, to_device
from vqatune.models.prepare import autocast
from vqatune.params import Params, TrainParams

SMOOTHING = 0.9
"""Decay of the smoothed loss, an exponential moving average with bias correction."""
PATIENCE = 50
"""Consecutive steps that fp16 may skip because of overflow."""
SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
"""Names of the schedules in transformers."""


class Optimization:
    """An adapter in training: model, AdamW, learning-rate schedule, and the log of its steps."""

    def __init__(self, model: nn.Module, params: Params, device: torch.device, steps: int) -> None:
        self.model, self.device, self.params = model, device, params
        self._pair_losses = tunable_family(model.get_base_model().config.model_type).pair_losses
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        train = params.train
        self.optimizer = torch.optim.AdamW(
            self.trained.values(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
            fused=device.type == "cpu",
        )
        self.log: list[dict] = []
        """A row per step."""
        self._factor = _schedule(train, steps)
        self._scaler = torch.amp.GradScaler(device.type, enabled=params.compute.precision == "fp16")
        self._vision_options = VisionOptions(train.gradient_checkpointing, params.compute.compile)

    def take_step(
        self,
        batches: Iterable[tuple[list[str], PackedBatch]],
        planned: int,
        version: str,
        stop: bool,
    ) -> bool:
        """Take one optimizer step and append a row to the log.

        Args:
            batches: this process's micro-batches, each with the qa_ids of its pairs.
            planned: the number of pairs of the step over all processes, including those whose image does not open.
            version: for error messages.
            stop: whether this process has been asked to stop.

        Returns:
            Whether any process has been asked to stop.

        Raises:
            ModelError: the loss or the gradient is not finite; the weights are unchanged.
        """
        losses, not_finite, padding = [], [], []
        precision = self.params.compute.precision
        self.optimizer.zero_grad()
        # Initialises the scaler also in a process without micro-batches in this step.
        self._scaler.scale(torch.zeros((), device=self.device))
        for qa_ids, batch in batches:
            with autocast(self.device, precision):
                batch = to_device(batch, self.device)
                loss = self._pair_losses(self.model.get_base_model(), batch, self._vision_options)
            if not loss.isfinite().all():
                not_finite += self._pairs_not_finite(qa_ids, batch)
            self._scaler.scale(loss.sum() / planned).backward()
            losses.append(loss.detach())
            padding.append(batch.padding)
        values = torch.cat(losses) if losses else torch.zeros(0, device=self.device)
        shares = [values.sum(), values.new_tensor(len(values)), values.new_tensor(stop)]
        shares += [values.new_tensor(sum(padding)), values.new_tensor(len(padding))]
        total, pairs, stopped, padded, parts = self._sum_over_processes(shares)
        step = len(self.log) + 1
        if not math.isfinite(total):
            raise ModelError(
                f"the loss of {version} is {total} at step {step}, pairs {_first_names(gather_object(not_finite))}: {self._advice}"
            )
        if pairs:
            norm = self._update_weights(planned / pairs, version, step)
            self._append_to_log(total / pairs, norm, padded / parts, int(pairs))
        return bool(stopped)

    @property
    def _advice(self) -> str:
        other = " or take compute.precision bf16" if self._scaler.is_enabled() else ""
        return f"lower train.learning_rate{other}"

    @torch.no_grad()
    def _pairs_not_finite(self, qa_ids: list[str], batch: PackedBatch) -> list[str]:
        """Return the pairs whose own loss is not finite; in a batch they make the others' losses NaN, too."""
        names = []
        for name, alone in zip(qa_ids, split_pairs(batch), strict=True):
            with autocast(self.device, self.params.compute.precision):
                if not self._pair_losses(self.model.get_base_model(), alone).isfinite().all():
                    names.append(name)
        return names

    def _sum_over_processes(self, shares: list[Tensor]) -> list[float]:
        """Sum the gradients over the processes in place, and return the sums of the shares."""
        shares = torch.stack(shares)
        if PartialState().num_processes > 1:
            weights = list(self.trained.values())
            for weight in weights:
                if weight.grad is None:
                    weight.grad = torch.zeros_like(weight)
            flat = torch.cat([*(weight.grad.flatten() for weight in weights), shares])
            *gradients, shares = reduce(flat, "sum").split(
                [*(weight.numel() for weight in weights), len(shares)]
            )
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient.view_as(weight)
        return shares.tolist()

    def _update_weights(self, correction: float, version: str, step: int) -> float | None:
        """Clip the gradient norm and update the weights; return the norm before clipping, None on an fp16 overflow."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.train.learning_rate * self._factor(len(self.log))
        self._scaler.unscale_(self.optimizer)
        if correction != 1:
            for weight in self.trained.values():
                if weight.grad is not None:
                    weight.grad.mul_(correction)
        max_norm = self.params.train.max_gradient_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.trained.values(), max_norm).item()
        finite = math.isfinite(norm)
        # In fp16 the scaler skips such a step and lowers its scale.
        skipped = [row["gradient_norm"] is None for row in self.log[-PATIENCE:]]
        if not finite and (not self._scaler.is_enabled() or len(skipped) == PATIENCE and all(skipped)):
            raise ModelError(f"the gradient of {version} is {norm} at step {step}: {self._advice}")
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return norm if finite else None

    def _append_to_log(self, loss: float, norm: float | None, padding: float, pairs: int) -> None:
        step, rate = len(self.log) + 1, self.optimizer.param_groups[0]["lr"]
        average, seen = 0.0, 0
        if self.log:
            average, seen = self.log[-1]["smoothed_loss"], self.log[-1]["pairs_seen"]
        past = average * (1 - SMOOTHING ** (step - 1))
        self.log.append(
            {
                "step": step,
                "loss": loss,
                "smoothed_loss": (SMOOTHING * past + (1 - SMOOTHING) * loss) / (1 - SMOOTHING**step),
                "learning_rate": rate,
                "gradient_norm": norm,
                "padding": padding,
                "pairs_seen": seen + pairs,
            }
        )

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Return the state that training resumes from: tensors by name, and a JSON-serialisable record."""
        tensors = {f"weight/{name}": weight for name, weight in self.trained.items()}
        for name, weight in self.trained.items():
            tensors |= {f"{entry}/{name}": value for entry, value in self.optimizer.state[weight].items()}
        # JSON round-trips floats exactly.
        return tensors, {"log": self.log, "scaler": self._scaler.state_dict()}

    def restore(self, tensors: dict[str, Tensor], record: dict) -> None:
        """Restore a state that `state` returned."""
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(tensors.pop(f"weight/{name}"))
        self.optimizer.state.clear()
        for key, value in tensors.items():
            entry, name = key.split("/", 1)
            weight = self.trained[name]
            # AdamW keeps its step count on the CPU and its moments on the parameter's device.
            self.optimizer.state[weight][entry] = value if entry == "step" else value.to(weight.device)
        self.log = record["log"]
        self._scaler.load_state_dict(record["scaler"])


def _schedule(train: TrainParams, steps: int) -> Callable[[int], float]:
    """Return transformers' schedule: the factor on the learning rate after a number of steps."""
    dummy = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = get_scheduler(SCHEDULES[train.schedule], dummy, train.warmup_steps, steps)
    return scheduler.lr_lambdas[0]


def _first_names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
