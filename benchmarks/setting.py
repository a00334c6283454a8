"""Shared by the benchmarks of the model: flags, a model with random weights, and a workload of images and questions.

The model is blip-vqa-base's architecture with an adapter. Weights, images and words are random, which
does not affect the time; the lengths of questions and answers are as recorded.
"""

import argparse
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import BlipConfig, BlipForQuestionAnswering

from vqatune.errors import VqatuneError
from vqatune.loading.ragged import Ragged
from vqatune.models.device import PRECISIONS
from vqatune.models.families.blip import PRESETS, make_config, make_tokenizer
from vqatune.models.lora import new_adapter
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.models.prepare import prepare_model
from vqatune.params import LoraParams, load_params

ROOT = Path(__file__).resolve().parent.parent
SEED = 13
QUESTION_LENGTHS = {
    4: 5, 5: 1, 6: 14, 7: 81, 8: 191, 9: 151, 10: 216, 11: 80, 12: 32, 13: 25, 14: 20, 15: 20, 16: 20, 17: 24,
    18: 23, 19: 21, 20: 19, 21: 17, 22: 12, 23: 9, 24: 7, 25: 4, 26: 3, 27: 2, 28: 1, 29: 1, 30: 1,
}  # fmt: skip
"""How many of 1,000 questions about photographs of products have so many tokens, [ENC] and [SEP] included; counted
over 118,170 that were recorded."""
ANSWER_LENGTHS = {3: 99, 5: 1}
"""The same of 100 answers, [DEC] and [SEP] included."""


@dataclass(frozen=True)
class Setting:
    """The configuration of a benchmark."""

    images: int
    """In one of our steps."""
    questions: int
    """Per image."""
    precision: str
    reference_precisions: tuple[str, ...]
    reference_batches: tuple[int, ...]
    """Batch sizes of the reference, in samples."""
    reference_images: int
    """Images whose questions are one run of the reference."""
    targets: tuple[str, ...]
    device: str
    threads: int
    repeats: int
    small: bool


def parse(description: str) -> tuple[Setting, Path | None]:
    """Return the setting of the command line and the JSON file to write figures to; sets torch's threads."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=int, help="images in one of our steps (default: 4 on a CPU, 32 on a GPU)")
    add("--questions", type=int, default=14, help="questions per image (default: 14)")
    add("--precision", choices=PRECISIONS, help="default: bf16, or fp16 on a GPU that has no bf16")
    add("--reference-precision", choices=PRECISIONS, nargs="+", metavar="PRECISION",
        help="precision of the reference (default: ours on a CPU, fp16 and float32 on a GPU)")  # fmt: skip
    add("--reference-batch", type=int, nargs="+", metavar="SAMPLES",
        help="batch sizes of the reference; the fastest counts (default: 1 8 on a CPU, 8 32 on a GPU)")  # fmt: skip
    add("--targets", nargs="+", default=["vision"],
        help="layers with LoRA, or a preset of lora.target_modules (default: vision)")  # fmt: skip
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add("--threads", type=int, default=2, help="CPU threads (default: 2)")
    add("--repeats", type=int, default=3, help="repetitions, of which the fastest counts (default: 3)")
    add("--small", action="store_true", help="a tiny model, to test the benchmark")
    add("--json", type=Path, metavar="FILE", help="also write the figures to a JSON file")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here")
    on_cuda = arguments.device != "cpu" and torch.cuda.is_available()
    lacks_bf16 = on_cuda and not torch.cuda.is_bf16_supported(including_emulation=False)
    precision = arguments.precision or ("fp16" if lacks_bf16 else "bf16")
    torch.set_num_threads(arguments.threads)
    return Setting(
        images=arguments.images or (32 if on_cuda else 4),
        questions=arguments.questions,
        precision=precision,
        reference_precisions=tuple(
            arguments.reference_precision or (["fp16", "float32"] if on_cuda else [precision])
        ),
        reference_batches=tuple(arguments.reference_batch or ([8, 32] if on_cuda else [1, 8])),
        reference_images=8 if on_cuda else 1,
        targets=tuple(arguments.targets),
        device="cuda" if on_cuda else "cpu",
        threads=arguments.threads,
        repeats=arguments.repeats,
        small=arguments.small,
    ), arguments.json


def build(setting: Setting, precision: str, merged: bool = False) -> BlipForQuestionAnswering:
    """Return the model on its device, always with the same weights, its LoRA layers merged or trainable."""
    tiny = load_params(ROOT / "params.yaml").model.tiny if setting.small else None
    preset = len(setting.targets) == 1 and setting.targets[0] in PRESETS
    params = LoraParams(
        r=8,
        alpha=32,
        dropout=0.05,
        bias="none",
        variant="lora",
        target_modules=setting.targets[0] if preset else list(setting.targets),
    )
    torch.manual_seed(SEED)
    model = BlipForQuestionAnswering(make_config(make_tokenizer([], 1000), tiny))
    # As in a loaded checkpoint; a model made from its configuration would add boolean masks to the scores.
    model.set_attn_implementation("eager")
    try:
        adapted = new_adapter(model, params)
    except VqatuneError as error:
        sys.exit(f"--targets: {error}")
    for name, weight in adapted.named_parameters():
        if ".lora_B." in name:
            # With a new adapter's zeros a missing adapter would not show.
            torch.nn.init.normal_(weight, std=0.01)
    model = adapted.merge_and_unload() if merged else adapted.get_base_model()
    prepare_model(model, torch.device(setting.device), precision)
    return model.eval()


def random_texts(count: int, lengths: dict[int, int], first: int, end: int) -> list[list[int]]:
    """Return texts of random ids from `first` up to `end`, as long as the weights of `lengths` say; always the same."""
    words = random.Random(SEED)
    chosen = words.choices(list(lengths), list(lengths.values()), k=count)
    return [[words.randrange(first, end) for _ in range(length)] for length in chosen]


@dataclass(frozen=True)
class Workload:
    """Images with their questions and answers."""

    pictures: Ragged
    """pixel_values, (images, 3, height, width), float32."""
    counts: list[int]
    """The number of questions of each image."""
    questions: list[list[int]]
    """Token ids from [ENC] to [SEP], image by image."""
    answers: list[list[int]]
    """Token ids from [DEC] to [SEP], one for each question."""

    def batch(self, device: str) -> PackedBatch:
        """Pack the workload into one batch, on a device."""
        batch = pack_batch(self.pictures, self.counts, self.questions, self.answers)
        return to_device(batch, torch.device(device))


def make_workload(config: BlipConfig, images: int, questions: int) -> Workload:
    """Return random images with random questions and answers; equal arguments give equal workloads."""
    words, text = random.Random(SEED), config.text_config
    # [ENC] comes after [DEC] in the vocabulary.
    first_of_question, first_of_answer = text.bos_token_id + 1, text.bos_token_id

    def texts(first: int, lengths: dict[int, int]) -> list[list[int]]:
        chosen = words.choices(list(lengths), list(lengths.values()), k=images * questions)
        return [
            [first, *(words.randrange(5, text.vocab_size) for _ in range(length - 2)), text.sep_token_id]
            for length in chosen
        ]

    size = config.vision_config.image_size
    pixel_values = torch.randn(images, 3, size, size, generator=torch.Generator().manual_seed(SEED))
    return Workload(
        Ragged.one_each("pixel_values", pixel_values),
        [questions] * images,
        texts(first_of_question, QUESTION_LENGTHS),
        texts(first_of_answer, ANSWER_LENGTHS),
    )
