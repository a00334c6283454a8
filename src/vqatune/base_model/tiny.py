"""Training of the tiny base model, large enough to show on a laptop that tuning works.

It is trained on images drawn for it, never on images of the catalogue.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from vqatune.models.encoder import Encoder
from vqatune.models.family import tunable_family
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.params import TinyParams
from vqatune.runtime.progress import map_parts, track
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import KINDS, Product, choose, random_product

PRINTABLE = tuple(name for name, kind in KINDS.items() if kind.printable)
IMAGES_PER_PART = 400
"""Images that a worker process draws at a time."""


def train_tiny(
    model: nn.Module,
    encoder: Encoder,
    params: TinyParams,
    seed: int,
    device: torch.device,
) -> None:
    """Train the model on drawn products: colour, pattern, print and outline, but no product names.

    One epoch over images of `random_product` with AdamW; the learning rate is warmed up over a twentieth of the steps
    and decays to zero along a cosine.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=0.01, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, params.steps // 20, params.steps)
    family = tunable_family(encoder.model_type)
    model.train()
    for batch in track(_prefetched(_batches(encoder, params, seed)), "base: train", params.steps):
        loss = family.pair_losses(model, to_device(batch, device)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _batches(encoder: Encoder, params: TinyParams, seed: int) -> Iterator[PackedBatch]:
    """Yield the batch of each step; worker processes draw the images of later ones meanwhile."""
    numbers = list(range(params.steps * params.images_per_step))
    parts = [numbers[start : start + IMAGES_PER_PART] for start in range(0, len(numbers), IMAGES_PER_PART)]
    drawn = map_parts(partial(draw_examples, seed=seed, size=params.image_size), parts)
    examples = (example for part in drawn for example in part)
    while own := list(islice(examples, params.images_per_step)):
        yield pack_examples(encoder, *zip(*own, strict=True))


def _prefetched(batches: Iterator[PackedBatch]) -> Iterator[PackedBatch]:
    """Yield the batches while a thread makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch


def draw_examples(numbers: list[int], seed: int, size: int) -> list[tuple[np.ndarray, list[tuple[str, str]]]]:
    """Draw a training example for each number: an image, uint8 (size, size, 3), and (question, answer) pairs."""
    examples = []
    for number in numbers:
        # Prints are the hardest to learn, so two of three examples are of kinds that can have one.
        printed = number % 3 and choose(PRINTABLE, seed, "base", number)
        product = random_product(seed, "base", number, kind=printed or None)
        view = random_view(seed, "base", number)
        examples.append((np.asarray(draw(product, view, (size, size))), _example_pairs(product)))
    return examples


def _example_pairs(product: Product) -> list[tuple[str, str]]:
    """Return an image's pairs, worded unlike a catalogue's questions, which are left to tuning."""
    pairs = [
        ("name the color", product.color),
        ("name the pattern", product.pattern),
        ("name the style", product.style),
        ("name the finish", product.finish),
    ]
    if product.shape:
        pairs.append(("name the outline", product.shape))
    if product.motif:
        pairs += [
            ("name the mark", product.motif),
            ("count the marks", str(product.count)),
            ("name the ink of the marks", product.ink),
            ("name the place of the marks", product.position),
        ]
    return pairs


def pack_examples(encoder: Encoder, images: tuple, pairs: tuple) -> PackedBatch:
    """Pack training examples, given as images (uint8 arrays) and the pairs of each, into a batch."""
    questions, answers = zip(*(pair for own in pairs for pair in own), strict=True)
    return pack_batch(
        encoder.images(list(images)),
        [len(own) for own in pairs],
        encoder.questions(list(questions)),
        encoder.answers(list(answers)),
    )
