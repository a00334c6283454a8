"""Training of the tiny base model: enough to see on a laptop that tuning works.

It learns from drawn images of its own, never from an image of the catalogue.
"""

from functools import partial

import numpy as np
import torch
from torch import nn
from transformers import ProcessorMixin, get_cosine_schedule_with_warmup

from vqatune.loading.loader import Encoder
from vqatune.models.families.blip import pair_losses
from vqatune.models.packing import Batch, make_batch, to
from vqatune.params import TinyParams
from vqatune.runtime.progress import map_parts, track
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import KINDS, Product, choose, random_product

PRINTABLE = tuple(name for name, kind in KINDS.items() if kind.printable)
DRAWN_TOGETHER = 400
"""Pictures that a worker draws at a time."""


def train_tiny(
    model: nn.Module,
    processor: ProcessorMixin,
    params: TinyParams,
    seed: int,
    device: torch.device,
) -> None:
    """Teach the model to look at drawn products: colour, pattern, print, outline; not what they are called.

    AdamW over pictures of `random_product`, each seen once, with the learning rate warmed up over a twentieth of
    the steps and brought to zero along a cosine.
    """
    lessons = list(range(params.steps * params.images_per_step))
    chunks = [lessons[start : start + DRAWN_TOGETHER] for start in range(0, len(lessons), DRAWN_TOGETHER)]
    drawn = map_parts(partial(draw_lessons, seed=seed, size=params.image_size), chunks, "base: draw pictures")
    pictures, pairs = zip(*(lesson for chunk in drawn for lesson in chunk), strict=True)
    encoder = Encoder(processor)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=0.01, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, params.steps // 20, params.steps)
    model.train()
    for step in track(range(params.steps), "base: train"):
        chosen = slice(step * params.images_per_step, (step + 1) * params.images_per_step)
        batch = lesson_batch(encoder, pictures[chosen], pairs[chosen])
        loss = pair_losses(model, to(batch, device)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def draw_lessons(numbers: list[int], seed: int, size: int) -> list[tuple[np.ndarray, list[tuple[str, str]]]]:
    """Return a lesson for each number: a picture, uint8 of shape (size, size, 3), and pairs of question and answer."""
    lessons = []
    for number in numbers:
        # Prints are the hardest to read, so two of three lessons are about kinds that can have one.
        printed = number % 3 and choose(PRINTABLE, seed, "base", number)
        product = random_product(seed, "base", number, kind=printed or None)
        view = random_view(seed, "base", number)
        lessons.append((np.asarray(draw(product, view, (size, size))), _lesson_pairs(product)))
    return lessons


def _lesson_pairs(product: Product) -> list[tuple[str, str]]:
    """What is asked of a lesson's picture, in words of its own: a catalogue's way of asking is left to tuning."""
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


def lesson_batch(encoder: Encoder, pictures: tuple, pairs: tuple) -> Batch:
    """Return lessons, pictures and pairs apart, as a batch."""
    questions, answers = zip(*(pair for asked in pairs for pair in asked), strict=True)
    return make_batch(
        encoder.images(list(pictures)),
        [len(asked) for asked in pairs],
        encoder.questions(list(questions)),
        encoder.answers(list(answers)),
    )
