"""The rate of tuning BLIP, beside a plain loop that encodes the image for every question.

    python benchmarks/training.py

runs both in turn in one process, on the same model, images and pairs: the full architecture with random weights,
14 questions per image. It checks first that both compute the same losses, and prints pairs per second, their ratio,
peak memory, our step over the image encoder's own forward and backward pass, and how ours grows from 1 to 40
questions an image. With a GPU it also prints images per second, the share of the card's peak, and how long a whole
chain of versions takes. Images and tokens are in memory; loading is not measured.
"""

import sys
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import BlipForQuestionAnswering

from card import card_figures, chain_hours, step_flops
from measuring import Run, compare, growth
from reference import make_samples, reference_loss, without_padding
from report import describe, save, show_card, show_comparison, show_growth
from setting import Setting, Workload, build, make_workload, parse
from vqatune.models.families.blip import encode_images, pair_losses
from vqatune.models.packing import to_device
from vqatune.models.prepare import autocast

GROWTH = (1, 2, 5, 10, 14, 20, 40)
TOLERANCE = 1e-4
"""The largest allowed difference of a pair's loss (about 10) from the reference's in float32."""


def main() -> None:
    """Check, measure, show."""
    setting, output = parse(__doc__)
    figures = describe("training", setting)
    trainers = {
        precision: Trainer(setting, precision)
        for precision in dict.fromkeys([setting.precision, *setting.reference_precisions])
    }
    ours = trainers[setting.precision]
    figures["largest_difference_of_losses"] = check(setting, ours)
    config = ours.model.config
    workload = make_workload(config, setting.images, setting.questions)
    references = [
        trainers[precision].reference_run(
            make_workload(config, setting.reference_images, setting.questions), size
        )
        for precision in setting.reference_precisions
        for size in setting.reference_batches
    ]
    encoders = ours.encoder_runs(workload)
    case = compare(references, ours.run(workload), encoders, setting.repeats, setting.device)
    case["images"] = setting.images
    figures |= case
    show_comparison(f"training, {setting.questions} questions an image", case, training=True)
    runs = {questions: ours.run(make_workload(config, setting.images, questions)) for questions in GROWTH}
    figures["growth"] = growth(runs, setting.repeats, setting.device)
    show_growth(figures["growth"], setting.images)
    if setting.device == "cuda":
        figures["card"] = on_card(figures, ours, workload)
        show_card(figures["card"])
    save(figures, output)


class Trainer:
    """A model in training, in one precision."""

    def __init__(self, setting: Setting, precision: str) -> None:
        self.precision, self.device = precision, torch.device(setting.device)
        self.model: BlipForQuestionAnswering = build(setting, precision).train()
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, lr=1e-5)
        self.scaler = torch.amp.GradScaler(setting.device, enabled=precision == "fp16")

    def step(self, loss: Callable[[], Tensor]) -> None:
        """Take an optimizer step."""
        self.optimizer.zero_grad()
        with autocast(self.device, self.precision):
            value = loss()
        self.scaler.scale(value).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def reference_run(self, workload: Workload, size: int) -> Run:
        """Return a run of the reference, with an optimizer step for every batch of samples."""
        batches = make_samples(workload, size, self.device.type)

        def go() -> None:
            for samples in batches:
                self.step(lambda samples=samples: reference_loss(self.model, samples))

        pairs = len(workload.questions)
        return Run(f"reference, {self.precision}", self.model, go, pairs, min(size, pairs))

    def run(self, workload: Workload) -> Run:
        """Return a run of our step over a workload."""
        batch = workload.batch(self.device.type)

        def go() -> None:
            self.step(lambda: pair_losses(self.model, batch).mean())

        return Run(f"ours, {self.precision}", self.model, go, batch.pairs, batch.pairs)

    def encoder_runs(self, workload: Workload) -> list[Run]:
        """Return runs of the image encoder's forward and backward pass alone: ours, and transformers'."""
        pictures, pairs = to_device(workload.pictures, torch.device(self.device)), len(workload.questions)
        pixel_values = pictures.tensors["pixel_values"]
        towers = {
            "our image encoder": lambda: encode_images(self.model, pictures).tensors["states"],
            "transformers' image encoder": lambda: self.model.vision_model(pixel_values).last_hidden_state,
        }
        with torch.no_grad(), autocast(self.device, self.precision):
            direction = torch.randn_like(encode_images(self.model, pictures).tensors["states"])

        def go(encode: Callable[[], Tensor]) -> None:
            self.optimizer.zero_grad()
            with autocast(self.device, self.precision):
                states = encode()
            if states.requires_grad:
                states.backward(direction.to(states.dtype))

        return [
            Run(name, self.model, lambda encode=encode: go(encode), pairs, pairs)
            for name, encode in towers.items()
        ]


def check(setting: Setting, trainer: Trainer) -> dict[str, float]:
    """Return the largest difference of a pair's losses, reference and ours; stop where float32 shows a difference."""
    found = {"float32": difference(setting, Trainer(setting, "float32"))}
    if not found["float32"] <= TOLERANCE:
        sys.exit(f"more than {TOLERANCE}: reference and ours do not compute the same")
    if trainer.precision != "float32":
        found[trainer.precision] = difference(setting, trainer)
    return found


@torch.no_grad()
def difference(setting: Setting, trainer: Trainer) -> float:
    """Return the largest difference between a pair's losses, reference and ours, dropout off."""
    model = trainer.model.eval()
    workload = make_workload(model.config, 1, setting.questions)
    with autocast(trainer.device, trainer.precision):
        losses = pair_losses(model, workload.batch(setting.device))
        samples = [without_padding(sample) for sample in make_samples(workload, 1, setting.device)]
        one_by_one = [reference_loss(model, sample) for sample in samples]
    model.train()
    largest = float((losses - torch.stack(one_by_one).float()).abs().max())
    print(
        f"losses of {len(losses)} pairs in {trainer.precision}, mean {losses.mean():.4f}: at most {largest:.2g} apart"
    )
    return largest


def on_card(figures: dict, trainer: Trainer, workload: Workload) -> dict:
    """Return the rates on the GPU, and the hours of a chain of 13 versions at the measured rates."""
    ours, model = figures["ours"], trainer.model
    tower = any(weight.requires_grad for weight in model.vision_model.parameters())
    answer_tokens = sum(len(answer) - 1 for answer in workload.answers)
    flops = step_flops(model.config, workload, answer_tokens, backward=True, tower=tower)
    fastest = max(row["pairs_per_second"] for row in figures["reference"])
    return {
        "images_per_second": len(workload.counts) / ours["seconds"],
        **card_figures(figures["machine"]["device"], trainer.precision, flops, ours["seconds"]),
        "chain_hours": {"ours": chain_hours(ours["pairs_per_second"]), "reference": chain_hours(fastest)},
    }


if __name__ == "__main__":
    main()
