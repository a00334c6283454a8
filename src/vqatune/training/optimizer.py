"""Optimizer steps: passes of the model whose gradients add up, over one process or several.

A step's loss is the mean over its pairs, whichever pass or process each of them fell to.
"""

import math
from collections.abc import Callable, Iterable

import torch
from accelerate import PartialState
from accelerate.utils import gather_object, reduce
from torch import Tensor, nn
from transformers import get_scheduler

from vqatune.errors import ModelError
from vqatune.models.device import autocast
from vqatune.models.families.blip import Tower, pair_losses
from vqatune.models.packing import Batch, split_pairs, to
from vqatune.params import Params, TrainParams

SMOOTHING = 0.9
"""Weight of the past in the smoothed loss, an exponential mean corrected for its start."""
PATIENCE = 50
"""Steps in a row that fp16 may leave out."""
SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
"""Transformers' names of the schedules."""


class Optimization:
    """An adapter in training: the model, AdamW, the learning rate's schedule, and what each step came to."""

    def __init__(self, model: nn.Module, params: Params, device: torch.device, steps: int) -> None:
        self.model, self.device, self.params = model, device, params
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        train = params.train
        self.optimizer = torch.optim.AdamW(
            self.trained.values(),
            lr=train.learning_rate,
            weight_decay=train.weight_decay,
            fused=device.type == "cpu",
        )
        self.log: list[dict] = []
        """A row a step."""
        self._factor = _schedule(train, steps)
        self._scaler = torch.amp.GradScaler(device.type, enabled=params.compute.precision == "fp16")
        self._tower = Tower(train.gradient_checkpointing, params.compute.compile)

    def take_step(
        self,
        passes: Iterable[tuple[list[str], Batch]],
        planned: int,
        version: str,
        stop: bool,
    ) -> bool:
        """Take one optimizer step and add a row to the log.

        Args:
            passes: this process's, each with the names of its pairs.
            planned: how many pairs the step has over all processes, those whose picture does not open included.
            version: named in errors.
            stop: whether this process has been asked to stop.

        Returns:
            Whether any process has been asked to stop.

        Raises:
            ModelError: the loss or the gradient is not finite; the weights are as before the step.
        """
        losses, guilty, padding = [], [], []
        precision = self.params.compute.precision
        self.optimizer.zero_grad()
        # A process whose share of the step is empty scales nothing, and yet must know the scale.
        self._scaler.scale(torch.zeros((), device=self.device))
        for asked, batch in passes:
            with autocast(self.device, precision):
                batch = to(batch, self.device)
                loss = pair_losses(self.model.get_base_model(), batch, self._tower)
            if not loss.isfinite().all():
                guilty += self._guilty(asked, batch)
            self._scaler.scale(loss.sum() / planned).backward()
            losses.append(loss.detach())
            padding.append(batch.padding)
        values = torch.cat(losses) if losses else torch.zeros(0, device=self.device)
        shares = [values.sum(), values.new_tensor(len(values)), values.new_tensor(stop)]
        shares += [values.new_tensor(sum(padding)), values.new_tensor(len(padding))]
        total, pairs, stopped, padded, parts = self._add_up(shares)
        step = len(self.log) + 1
        if not math.isfinite(total):
            raise ModelError(
                f"the loss of {version} is {total} at step {step}, pairs {_some(gather_object(guilty))}: {self._advice}"
            )
        if pairs:
            norm = self._move(planned / pairs, version, step)
            self._note(total / pairs, norm, padded / parts, int(pairs))
        return bool(stopped)

    @property
    def _advice(self) -> str:
        other = " or take compute.precision bf16" if self._scaler.is_enabled() else ""
        return f"lower train.learning_rate{other}"

    @torch.no_grad()
    def _guilty(self, asked: list[str], batch: Batch) -> list[str]:
        """Return the pairs whose own loss is not finite: beside others in a batch, they spoil those too."""
        names = []
        for name, alone in zip(asked, split_pairs(batch), strict=True):
            with autocast(self.device, self.params.compute.precision):
                if not pair_losses(self.model.get_base_model(), alone).isfinite().all():
                    names.append(name)
        return names

    def _add_up(self, shares: list[Tensor]) -> list[float]:
        """Add gradients and shares up over the processes and return the shares' sums."""
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

    def _move(self, correction: float, version: str, step: int) -> float | None:
        """Let the optimizer move the weights and return the gradient's norm, None where fp16 cannot hold it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.params.train.learning_rate * self._factor(len(self.log))
        self._scaler.unscale_(self.optimizer)
        if correction != 1:
            for weight in self.trained.values():
                weight.grad.mul_(correction)
        longest = self.params.train.max_gradient_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.trained.values(), longest).item()
        finite = math.isfinite(norm)
        # With fp16 the scaler leaves such a step out and scales less from then on.
        out = [row["gradient_norm"] is None for row in self.log[-PATIENCE:]]
        if not finite and (not self._scaler.is_enabled() or len(out) == PATIENCE and all(out)):
            raise ModelError(f"the gradient of {version} is {norm} at step {step}: {self._advice}")
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return norm if finite else None

    def _note(self, loss: float, norm: float | None, padding: float, pairs: int) -> None:
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
        """Return all that determines the steps to come: tensors by name, and a record that JSON can hold."""
        tensors = {f"weight/{name}": weight for name, weight in self.trained.items()}
        for name, weight in self.trained.items():
            tensors |= {f"{entry}/{name}": value for entry, value in self.optimizer.state[weight].items()}
        # JSON keeps every digit of a float.
        return tensors, {"log": self.log, "scaler": self._scaler.state_dict()}

    def restore(self, tensors: dict[str, Tensor], record: dict) -> None:
        """Go back to a state that `state` returned."""
        with torch.no_grad():
            for name, weight in self.trained.items():
                weight.copy_(tensors.pop(f"weight/{name}"))
        self.optimizer.state.clear()
        for key, value in tensors.items():
            entry, name = key.split("/", 1)
            weight = self.trained[name]
            # AdamW keeps its step count on the CPU and its moments beside the parameter.
            self.optimizer.state[weight][entry] = value if entry == "step" else value.to(weight.device)
        self.log = record["log"]
        self._scaler.load_state_dict(record["scaler"])


def _schedule(train: TrainParams, steps: int) -> Callable[[int], float]:
    """Return what the learning rate is multiplied by after so many steps, as transformers' schedules have it."""
    stand_in = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = get_scheduler(SCHEDULES[train.schedule], stand_in, train.warmup_steps, steps)
    return scheduler.lr_lambdas[0]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
