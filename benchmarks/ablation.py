"""Ablation: the time of a training step with all optimisations, and with one at a time left out.

    python benchmarks/ablation.py

runs all variants in turn in one process, on the same images and pairs: the full architecture with random weights,
14 questions per image.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from peft.tuners.tuners_utils import BaseTunerLayer
from rich.console import Console
from rich.table import Table
from torch import nn
from transformers import BlipForQuestionAnswering

from measuring import Run, measure
from report import describe, save
from setting import Setting, Workload, build, make_workload, parse
from vqatune.models.families.blip import model as blip
from vqatune.models.families.blip import pair_losses
from vqatune.models.packing import PackedBatch
from vqatune.models.prepare import FastDropout, autocast


def main() -> None:
    """Measure and show."""
    setting, output = parse(__doc__)
    figures = describe("ablation", setting)
    model = build(setting, setting.precision).train()
    workload = make_workload(model.config, setting.images, setting.questions)
    whole = [workload.batch(setting.device)]
    step = Step(setting, model)
    runs = {
        "everything": lambda: step(whole),
        "an image encoded for each of its questions": lambda: step(one_question_each),
        "questions padded to the longest": lambda: step(padded),
        "the fused attention's backward pass": lambda: step(whole, fused_attention),
        "torch's dropout": lambda: step(whole, torch_dropout),
        "states brought to the small matrices' precision": lambda: step(whole, peft_casts(model)),
        "frozen weights kept in float32": lambda: step(whole, float32_weights(model)),
    }
    one_question_each = [part.batch(setting.device) for part in one_by_one(workload, setting.questions)]
    padded = [pad(workload).batch(setting.device)]
    pairs = len(workload.questions)
    measured = measure(
        [Run(name, model, go, pairs, pairs) for name, go in runs.items()], setting.repeats, setting.device
    )
    table = Table("left out, or in its place", "seconds a step", "to everything")
    for row in measured:
        table.add_row(row.name, f"{row.seconds:.3f}", f"{row.seconds / measured[0].seconds:.2f} ×")
    Console().print(table)
    figures["seconds"] = {row.name: row.seconds for row in measured}
    save(figures, output)


class Step:
    """A training step: forward and backward passes over batches, with gradient accumulation."""

    def __init__(self, setting: Setting, model: BlipForQuestionAnswering) -> None:
        self.model, self.device, self.precision = model, torch.device(setting.device), setting.precision

    def __call__(self, batches: list[PackedBatch], changed: Callable | None = None) -> None:
        """Run the step, within the context `changed`."""
        with contextmanager(changed or unchanged)():
            for batch in batches:
                with autocast(self.device, self.precision):
                    loss = pair_losses(self.model, batch).mean()
                loss.backward()
            self.model.zero_grad()


def one_by_one(workload: Workload, questions: int) -> list[Workload]:
    """Split into batches with all images and one question of each."""
    parts = [range(first, len(workload.questions), questions) for first in range(questions)]
    return [
        replace(
            workload,
            counts=[1] * len(workload.counts),
            questions=[workload.questions[pair] for pair in part],
            answers=[workload.answers[pair] for pair in part],
        )
        for part in parts
    ]


def pad(workload: Workload) -> Workload:
    """Lengthen all texts to the longest, which costs the time of padding."""

    def longest(texts: list[list[int]]) -> list[list[int]]:
        width = max(map(len, texts))
        return [text[:-1] + [text[0]] * (width - len(text)) + text[-1:] for text in texts]

    return replace(workload, questions=longest(workload.questions), answers=longest(workload.answers))


def unchanged() -> Iterator[None]:
    """Change nothing."""
    yield


def fused_attention() -> Iterator[None]:
    """Use scaled_dot_product_attention everywhere."""

    def fused(query, key, value, mask=None, causal=False, dropout=0.0):
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, dropout_p=dropout
        )

    ours = blip.attend
    blip.attend = fused
    yield
    blip.attend = ours


def torch_dropout() -> Iterator[None]:
    """Use torch's dropout."""
    ours = FastDropout.forward
    FastDropout.forward = nn.Dropout.forward
    yield
    FastDropout.forward = ours


def peft_casts(model: nn.Module) -> Callable[[], Iterator[None]]:
    """Let peft cast a LoRA layer's inputs to the precision of its matrices."""
    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]

    def change() -> Iterator[None]:
        before = [layer.cast_input_dtype_enabled for layer in layers]
        for layer in layers:
            layer.cast_input_dtype_enabled = True
        yield
        for layer, value in zip(layers, before, strict=True):
            layer.cast_input_dtype_enabled = value

    return change


def float32_weights(model: nn.Module) -> Callable[[], Iterator[None]]:
    """Keep frozen weights in float32 and let autocast cast them at each use."""
    frozen = [weight for weight in model.parameters() if not weight.requires_grad]
    whole = [weight.data.float() for weight in frozen]

    def change() -> Iterator[None]:
        before = [weight.data for weight in frozen]
        for weight, value in zip(frozen, whole, strict=True):
            weight.data = value
        yield
        for weight, value in zip(frozen, before, strict=True):
            weight.data = value

    return change


if __name__ == "__main__":
    main()
