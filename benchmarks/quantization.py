"""Memory, time and error of quantized weights, beside whole ones in float32 and bf16.

    python benchmarks/quantization.py blip idefics3 qwen2_5_vl

makes checkpoints of random weights in the shapes of published ones, and loads each by every quantization and precision in a
process of its own: memory of the weights, peak memory of loading, of answering and of a training step, seconds an image
of both (on a CPU those of its cores, whatever else runs), and how far image states and the log-probabilities of given answers are from those in float32. Answers have two
tokens; a training step is a forward and backward pass of an adapter on BLIP's vision tower, or on the language model of others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from transformers import BlipForQuestionAnswering

from measuring import Run, machine, peak_mb, seconds
from setting import ROOT, SEED, Workload
from setting import make_workload as make_blip_workload
from shapes import SHAPES, make_model, make_workload
from vqatune.inference.prediction.decoding import answer_log_probabilities, greedy_answers
from vqatune.models.checkpoint import load_model
from vqatune.models.device import PRECISIONS
from vqatune.models.families.blip import make_config, make_tokenizer
from vqatune.models.family_lookup import family_of
from vqatune.models.lora import new_adapter
from vqatune.models.prepare import autocast, prepare_model, train_adapter
from vqatune.models.quantization import count_weights
from vqatune.params import LoraParams, load_params
from vqatune.tables import write_json

CASES = (
    ("none", "float32"),
    ("none", "bf16"),
    ("int8", "float32"),
    ("int8", "bf16"),
    ("nf4", "float32"),
    ("nf4", "bf16"),
)
"""Quantization and precision; the first is what the others are compared with."""
SMALL_CASES = (CASES[0], CASES[-1])
"""With --small."""
ANSWER_TOKENS = 2
"""A word and the end."""
TARGETS = {"blip": "vision"}
"""The presets of layers to train, where they are not the language model's."""
ALL_LAYERS = {"idefics3": 2}
"""How many times the layers of SHAPES a checkpoint has, where it fits as a whole."""
NAMES = {
    "blip": "blip-vqa-base",
    **{name: f"{shape.checkpoint}: {shape.layers}" for name, shape in SHAPES.items()},
    "idefics3": "SmolVLM-500M, one tile",
}


def main() -> None:
    """Measure each case in a process, and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("families", nargs="+", choices=["blip", *SHAPES])
    add("--images", type=int, default=1, help="images in a batch (default: 1)")
    add("--questions", type=int, default=14, help="questions per image (default: 14)")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--threads", type=int, default=1, help="CPU threads (default: 1)")
    add("--repeats", type=int, default=1, help="repetitions, of which the fastest counts (default: 1)")
    add("--small", action="store_true", help="tiny models, to test the benchmark")
    add("--json", type=Path, metavar="FILE", help="also write the figures to a JSON file")
    add("--case", nargs=3, metavar=("FOLDER", "QUANTIZATION", "PRECISION"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = "cuda" if given.device != "cpu" and torch.cuda.is_available() else "cpu"
    if given.case:
        folder, quantization, precision = given.case
        measure_case(
            Path(folder), quantization, precision, TARGETS.get(given.families[0]), device, given.repeats
        )
        return
    figures: dict[str, Any] = {"benchmark": "quantization", "machine": machine(device), "models": {}}
    for name in given.families:
        with tempfile.TemporaryDirectory() as folder:
            make_checkpoint(name, Path(folder), given.images, given.questions, given.small)
            rows = [
                _in_a_process(Path(folder), name, case, given, device)
                for case in (SMALL_CASES if given.small else CASES)
            ]
        figures["models"][name] = rows
        show(NAMES[name], rows, figures["machine"])
    if given.json:
        write_json(figures, given.json)


def make_checkpoint(name: str, folder: Path, images: int, questions: int, small: bool) -> None:
    """Write a model of random weights, in float32, and what it is asked."""
    torch.manual_seed(SEED)
    if name == "blip":
        tiny = load_params(ROOT / "params.yaml").model.tiny if small else None
        config = make_config(make_tokenizer([], 1000), tiny)
        model: nn.Module = BlipForQuestionAnswering(config)
        workload = make_blip_workload(model.config, images, questions)
    else:
        model, encoder = make_model(name, small)
        if name in ALL_LAYERS and not small:
            for part in (model.config.vision_config, model.config.text_config):
                part.num_hidden_layers *= ALL_LAYERS[name]
            model = type(model)(model.config)
        encoder.family.save_processor(encoder.processor, folder)
        workload = make_workload(name, encoder, images, questions, small)
    model.save_pretrained(folder)
    torch.save(workload, folder / "workload.pt")


def _in_a_process(
    folder: Path, name: str, case: tuple[str, str], given: argparse.Namespace, device: str
) -> dict[str, Any]:
    quantization, precision = case
    command = [sys.executable, __file__, name, "--device", device, "--threads", given.threads]
    command += ["--repeats", given.repeats, "--case", folder, *case]
    subprocess.run(list(map(str, command)), check=True)
    row = json.loads((folder / "figures.json").read_text())
    print(name, *case, row, flush=True)
    found = torch.load(folder / f"{quantization}-{precision}.pt")
    exact = torch.load(folder / f"{'-'.join(CASES[0])}.pt")
    differences = (found["log_probabilities"] - exact["log_probabilities"]).abs()
    return row | {
        "quantization": quantization,
        "precision": precision,
        "error_of_states": float((found["states"] - exact["states"]).norm() / exact["states"].norm()),
        "mean_error_of_log_probabilities": float(differences.mean()),
        "largest_error_of_log_probabilities": float(differences.max()),
        "mean_log_probability": float(exact["log_probabilities"].mean()),
    }


def measure_case(
    folder: Path, quantization: str, precision: str, targets: str | None, device: str, repeats: int
) -> None:
    """Measure a case in this process: write figures.json, and states and log-probabilities, into `folder`."""
    workload: Workload = torch.load(folder / "workload.pt", weights_only=False)
    where = torch.device(device)
    loaded: list[nn.Module] = []

    def load() -> None:
        model = load_model(folder, PRECISIONS[precision], quantization)
        prepare_model(model.requires_grad_(False), where, precision)
        loaded.append(model.eval())

    loading = peak_mb(Run("load", nn.Module(), load, 0, 0), device)
    [model] = loaded
    figures: dict[str, Any] = {
        "weights": count_weights(model),
        "weights_mb": stored_mb(model),
        "loading_mb": loading,
    }
    batch = workload.batch(device)

    def answer() -> None:
        with torch.inference_mode(), autocast(where, precision):
            greedy_answers(model, batch, ANSWER_TOKENS)

    figures |= _time("answering", model, answer, workload, device, repeats)
    with torch.inference_mode(), autocast(where, precision):
        states = family_of(model).encode_images(model, batch.pictures).tensors
        found = {
            "states": states["states" if "states" in states else "prefix"].float().cpu(),
            "log_probabilities": answer_log_probabilities(model, batch).float().cpu(),
        }
    torch.save(found, folder / f"{quantization}-{precision}.pt")
    params = LoraParams(
        r=8,
        alpha=32,
        dropout=0.0,
        bias="none",
        variant="lora",
        target_modules=targets or "text_query_value_dense",
    )
    adapted = new_adapter(model, params)
    prepare_model(adapted, where, precision)
    train_adapter(adapted)

    def train() -> None:
        with autocast(where, precision):
            loss = family_of(model).pair_losses(model, batch).mean()
        loss.backward()
        adapted.zero_grad()

    figures |= _time("training", model, train, workload, device, repeats)
    write_json(figures, folder / "figures.json")


def _time(
    what: str, model: nn.Module, go: Callable[[], object], workload: Workload, device: str, repeats: int
) -> dict[str, Any]:
    peak = peak_mb(Run(what, model, go, 0, 0), device)
    fastest = min(_seconds(go, device) for _ in range(repeats))
    return {f"{what}_mb": peak, f"{what}_seconds_an_image": fastest / len(workload.counts)}


def _seconds(go: Callable[[], object], device: str) -> float:
    if device != "cpu":
        return seconds(go, device)
    start = time.process_time()
    go()
    return time.process_time() - start


def stored_mb(model: nn.Module) -> float:
    """Return the memory of a model's weights and of what dequantizes them; tied ones count once."""
    tensors: dict[int, Tensor] = {tensor.data_ptr(): tensor for tensor in model.state_dict().values()}
    return sum(tensor.nbytes for tensor in tensors.values()) / 1e6


def show(name: str, rows: list[dict[str, Any]], where: dict[str, Any]) -> None:
    """Print a table of a model's cases."""
    Console().print(f"{name}, {rows[0]['weights'] / 1e6:.0f} million weights\n{where}", highlight=False)
    table = Table(
        "quantization",
        "precision",
        "weights MB",
        "peak MB: loading",
        "answering",
        "training",
        "s an image: answering",
        "training",
        "error of states",
        "of log p: mean, largest",
    )
    for row in rows:
        peaks = [
            "–" if row[f"{what}_mb"] is None else f"{row[f'{what}_mb']:.0f}"
            for what in ("loading", "answering", "training")
        ]
        table.add_row(
            row["quantization"],
            row["precision"],
            f"{row['weights_mb']:.0f}",
            *peaks,
            f"{row['answering_seconds_an_image']:.2f}",
            f"{row['training_seconds_an_image']:.2f}",
            f"{row['error_of_states']:.4f}",
            f"{row['mean_error_of_log_probabilities']:.4f}, {row['largest_error_of_log_probabilities']:.3f}",
        )
    Console(width=160).print(table)
    print(f"mean log-probability in float32: {rows[0]['mean_log_probability']:.2f}")


if __name__ == "__main__":
    main()
