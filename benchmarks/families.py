"""The rate of tuning and of answering, beside a plain loop, for families whose language model reads the image.

    python benchmarks/families.py llava

runs both in turn in one process, on the same model, images and pairs: random weights in the shape of a published
checkpoint with fewer layers, LoRA on the language model, 14 questions an image of real length, greedy answers of two
tokens. The reference is transformers' own `forward` and `generate` with a sample a question, padded to the longest of
the batch, with correct masks and labels. It checks first that both compute the same losses and answers, and prints pairs
per second, their ratio, the ratio of the matrix products that both have to compute, and peak memory. Images and tokens
are in memory; loading is not measured.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from measuring import Run, machine, measure
from reference import IGNORED, Samples
from setting import Workload
from shapes import SHAPES, make_model, make_workload
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.loading.ragged import Ragged
from vqatune.models.device import PRECISIONS
from vqatune.models.encoder import Encoder
from vqatune.models.family_lookup import family_named
from vqatune.models.lora import new_adapter
from vqatune.models.prepare import autocast, prepare_model, train_adapter
from vqatune.params import LoraParams
from vqatune.tables import write_json

ANSWER_TOKENS = 2
"""A word and the end."""
REFERENCE_SAMPLES = 7
"""In one run of the reference: at real sizes a sample takes seconds."""
TOLERANCE = 1e-4
"""The largest allowed difference of a pair's loss from the reference's in float32."""


def main() -> None:
    """Check, measure, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("family", choices=SHAPES)
    add("--images", type=int, help="images in one of our steps (default: 2 on a CPU, 32 on a GPU)")
    add("--questions", type=int, default=14, help="questions per image (default: 14)")
    add("--precision", choices=PRECISIONS, default="bf16")
    add("--reference-batch", type=int, nargs="+", metavar="SAMPLES",
        help="batch sizes of the reference; the fastest counts (default: 1 7 on a CPU, 8 32 on a GPU)")  # fmt: skip
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--threads", type=int, default=2, help="CPU threads (default: 2)")
    add("--repeats", type=int, default=2, help="repetitions, of which the fastest counts (default: 2)")
    add("--small", action="store_true", help="a tiny model, to test the benchmark")
    add("--json", type=Path, metavar="FILE", help="also write the figures to a JSON file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = "cuda" if given.device != "cpu" and torch.cuda.is_available() else "cpu"
    images = given.images or (32 if device == "cuda" else 2)
    batches = given.reference_batch or ([8, 32] if device == "cuda" else [1, 7])
    shape = SHAPES[given.family]
    Console().print(
        f"{shape.checkpoint}: {'a tiny one' if given.small else shape.layers}, {given.precision}, "
        f"{given.questions} questions an image\n{machine(device)}",
        highlight=False,
    )
    check(given.family, given.questions)
    model, encoder = prepared(given.family, given.small, torch.device(device), given.precision)
    workload = make_workload(given.family, encoder, images, given.questions, given.small)
    one = make_workload(given.family, encoder, 1, min(REFERENCE_SAMPLES, given.questions), given.small)
    work = Work(model, torch.device(device), given.precision)
    figures = {"benchmark": "families", "family": given.family, "machine": machine(device), "images": images}
    for task, ours, reference in (
        ("training", work.train, work.train_reference),
        ("prediction", work.predict, work.predict_reference),
    ):
        runs = [reference(one, size) for size in batches] + [ours(workload)]
        # A batch of the reference has as many products a pair as another, or but for its padding.
        products = [flops(run) / run.pairs for run in (runs[0], runs[-1])]
        products = [products[0]] * len(batches) + [products[-1]]
        measured = measure(runs, given.repeats, device)
        table = Table(
            task, "pairs at a time", "pairs/s", "peak MB", "ours over it", "matrix products over ours"
        )
        rows = []
        for row, product in zip(measured, products, strict=True):
            ratio = measured[-1].pairs_per_second / row.pairs_per_second
            rows.append(asdict(row) | {"ratio": ratio, "products": product / products[-1]})
            peak = "–" if row.peak_mb is None else f"{row.peak_mb:.0f}"
            cells = [row.name, str(row.pairs_together), f"{row.pairs_per_second:.2f}", peak]
            table.add_row(*cells, f"{ratio:.1f} ×", f"{product / products[-1]:.1f} ×")
        Console().print(table)
        figures[task] = rows
    if given.json:
        write_json(figures, given.json)


def prepared(name: str, small: bool, device: torch.device, precision: str) -> tuple[nn.Module, Encoder]:
    """Return a model with a trained adapter on its language model, on its device, and its encoder."""
    model, encoder = make_model(name, small)
    params = LoraParams(
        r=8, alpha=32, dropout=0.0, bias="none", variant="lora", target_modules="text_query_value_dense"
    )
    adapted = new_adapter(model, params)
    for weight_name, weight in adapted.named_parameters():
        if ".lora_B." in weight_name:
            # With a new adapter's zeros a missing adapter would not show.
            torch.nn.init.normal_(weight, std=0.01)
    prepare_model(adapted, device, precision)
    train_adapter(adapted)
    return adapted.get_base_model(), encoder


class Work:
    """What is measured of a model: our way, and the reference's."""

    def __init__(self, model: nn.Module, device: torch.device, precision: str) -> None:
        self.model, self.device, self.precision = model, device, precision
        self.family = family_named(model.config.model_type)

    def train(self, workload: Workload) -> Run:
        """Return a run of our forward and backward pass."""
        batch = workload.batch(self.device.type)
        return self._run(
            "ours",
            lambda: self._backward(lambda: self.family.pair_losses(self.model, batch).mean()),
            workload,
        )

    def train_reference(self, workload: Workload, size: int) -> Run:
        """Return a run of transformers' forward and backward pass, sample by sample."""
        batches = make_samples(self.model, workload, size, self.device, answered=True)

        def go() -> None:
            for samples in batches:
                self._backward(lambda samples=samples: self.model(**samples).loss)

        return self._run("reference", go, workload, size)

    def predict(self, workload: Workload) -> Run:
        """Return a run of our greedy answers."""
        batch = workload.batch(self.device.type)

        def go() -> None:
            with autocast(self.device, self.precision):
                greedy_answers(self.model, batch, ANSWER_TOKENS)

        return self._run("ours", go, workload)

    def predict_reference(self, workload: Workload, size: int) -> Run:
        """Return a run of transformers' generation, sample by sample."""
        batches = make_samples(self.model, workload, size, self.device, answered=False)

        def go() -> None:
            with autocast(self.device, self.precision):
                for samples in batches:
                    reference_answers(self.model, samples)

        return self._run("reference", go, workload, size)

    def _run(self, name: str, go: Callable[[], None], workload: Workload, size: int | None = None) -> Run:
        pairs = len(workload.questions)
        return Run(f"{name}, {self.precision}", self.model, go, pairs, size or pairs)

    def _backward(self, loss: Callable[[], Tensor]) -> None:
        with autocast(self.device, self.precision):
            value = loss()
        value.backward()
        self.model.zero_grad()


@torch.inference_mode()
def reference_answers(model: nn.Module, samples: Samples) -> Tensor:
    """Return greedy answers of ANSWER_TOKENS tokens, (samples, tokens)."""
    found = model.generate(
        **samples, max_new_tokens=ANSWER_TOKENS, min_new_tokens=ANSWER_TOKENS, do_sample=False
    )
    return found[:, -ANSWER_TOKENS:]


def make_samples(
    model: nn.Module, workload: Workload, size: int, device: torch.device, answered: bool
) -> list[Samples]:
    """Return batches of at most `size` samples, each with its own copy of the image; unanswered ones are padded left."""
    image = [number for number, count in enumerate(workload.counts) for _ in range(count)]
    padding = model.config.get_text_config().pad_token_id or 0
    batches = []
    for start in range(0, len(image), size):
        pairs = range(start, min(start + size, len(image)))
        own = [workload.pictures.select(image[pair], image[pair] + 1) for pair in pairs]
        asked = [
            [*picture.tensors["prefix"].tolist(), *workload.questions[pair], workload.answers[pair][0]]
            for picture, pair in zip(own, pairs, strict=True)
        ]
        texts = [
            ids + (workload.answers[pair][1:] if answered else [])
            for ids, pair in zip(asked, pairs, strict=True)
        ]
        width = max(map(len, texts))
        shape = (len(texts), width)
        ids, labels = torch.full(shape, padding), torch.full(shape, IGNORED)
        mask = torch.zeros(shape, dtype=torch.int64)
        for row, text in enumerate(texts):
            place = slice(0, len(text)) if answered else slice(width - len(text), width)
            ids[row, place], mask[row, place] = torch.tensor(text), 1
            labels[row, len(asked[row]) : len(text)] = torch.tensor(
                text[len(asked[row]) :], dtype=torch.int64
            )
        samples = {"input_ids": ids, "attention_mask": mask, **_pictures(Ragged.joined(own), ids, model)}
        if answered:
            samples["labels"] = labels
        batches.append({name: tensor.to(device) for name, tensor in samples.items()})
    return batches


def _pictures(pictures: Ragged, ids: Tensor, model: nn.Module) -> Samples:
    """Return what transformers' forward takes of a batch of pictures."""
    tensors = pictures.tensors
    if "tiles" in tensors:
        return {"pixel_values": tensors["tiles"][:, None]}
    if "patches" in tensors:
        kinds = (ids == model.config.image_token_id).int()
        return {
            "pixel_values": tensors["patches"],
            "image_grid_thw": tensors["grid"],
            "mm_token_type_ids": kinds,
        }
    return {"pixel_values": tensors["pixel_values"]}


def flops(run: Run) -> float:
    """Return the FLOPs of the matrix products in one call; attention's scores are not among them."""
    with FlopCounterMode(display=False) as counter:
        run.go()
    return counter.get_total_flops()


def check(name: str, questions: int) -> None:
    """Exit unless losses and answers of a tiny model in float32 are the reference's, one sample at a time."""
    model, encoder = prepared(name, True, torch.device("cpu"), "float32")
    workload = make_workload(name, encoder, 2, questions, True)
    batch, family = workload.batch("cpu"), family_named(name)
    with torch.no_grad():
        losses = family.pair_losses(model, batch)
        samples = make_samples(model, workload, 1, torch.device("cpu"), answered=True)
        alone = torch.stack([model(**sample).loss for sample in samples])
    largest = float((losses - alone).abs().max())
    # An answer may end early here, and never in the reference.
    first = greedy_answers(model, batch, 1)[0][:, 0]
    samples = make_samples(model, workload, 1, torch.device("cpu"), answered=False)
    stock = torch.cat([reference_answers(model, sample)[:, 0] for sample in samples])
    ends = first == model.answer_end
    equal = bool((first == stock)[~ends].all())
    print(f"a tiny model in float32: losses at most {largest:.2g} apart, equal answers: {equal}")
    if largest > TOLERANCE or not equal:
        sys.exit("reference and ours do not compute the same")


if __name__ == "__main__":
    main()
