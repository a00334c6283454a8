"""Tiny models, made and trained here, large enough to show on a laptop that tuning works.

They are trained on images drawn for it, never on images of the catalogue.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import get_cosine_schedule_with_warmup

from vqatune.base_model.contrastive import pack_texts
from vqatune.models.device import reseed
from vqatune.models.encoder import Encoder
from vqatune.models.family import ContrastiveFamily, LabelledFamily
from vqatune.models.family_lookup import family_named, tunable_family
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.params import TinyParams
from vqatune.runtime.progress import map_chunks, track
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.museum.drawing import draw as draw_object
from vqatune.showroom.museum.drawing import framing
from vqatune.showroom.museum.objects import VIEWS, MuseumObject, random_object, shown
from vqatune.showroom.museum.wording import LANGUAGES, every_word, say
from vqatune.showroom.products import (
    COLORS,
    COUNTS,
    FINISHES,
    INKS,
    KINDS,
    MOTIFS,
    PATTERNS,
    POSITIONS,
    STYLES,
    Product,
    choose,
    random_product,
)

PRINTABLE = tuple(name for name, kind in KINDS.items() if kind.printable)
CONTRASTIVE_RATE = 0.25
"""The share of the learning rate that CLIP and SigLIP are trained with: at all of it they learn nothing in 300 steps."""
IMAGES_PER_PART = 400
"""Images that a worker process draws at a time."""


def make_tiny(
    family: str, texts: list[str], tiny: TinyParams, seed: int, device: torch.device
) -> tuple[nn.Module, Any]:
    """Return a tiny model of a family, trained on drawn products, and its processor; all arguments together decide its bytes.

    Args:
        family: the model_type.
        texts: the tokenizer's vocabulary is built from them, in any order.
        tiny: the model's size, and its training.
        seed: of weights and products.
        device: that it is trained on; it is returned on the CPU, in evaluation.

    Raises ModelError where there is no such family.
    """
    made = family_named(family)
    reseed(seed, "base")
    if isinstance(made, LabelledFamily):
        model, processor = made.make_untrained(texts, tiny.vocabulary, tiny, answer_labels(tiny.pictures))
    else:
        model, processor = made.make_untrained(texts, tiny.vocabulary, tiny)
    train_tiny(model.to(device), Encoder(family, processor), tiny, seed, device)
    return model.cpu(), processor


def answer_labels(pictures: str = "showroom") -> list[str]:
    """Return what a model of labels can answer: yes, no, numbers to ten, and every answer of a drawn example."""
    if pictures == "museum":
        return list(dict.fromkeys(["yes", "no", *map(str, range(11)), *every_word()]))
    outlines = [shape for kind in KINDS.values() for shape in kind.shapes]
    drawn = [*COLORS, *PATTERNS, *STYLES, *FINISHES, *outlines, *MOTIFS, *map(str, COUNTS), *INKS, *POSITIONS]
    return list(dict.fromkeys(["yes", "no", *map(str, range(11)), *drawn]))


def train_tiny(
    model: nn.Module,
    encoder: Encoder,
    params: TinyParams,
    seed: int,
    device: torch.device,
) -> None:
    """Train the model on drawn products: colour, pattern, print and outline, but no product names.

    One epoch over images of `random_product` with AdamW; the learning rate is warmed up over a twentieth of the steps
    and decays to zero along a cosine. The loss is that of the family.
    """
    rate = params.learning_rate
    if isinstance(encoder.family, ContrastiveFamily):
        rate *= CONTRASTIVE_RATE
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, params.steps // 20, params.steps)
    pack, loss_of = _pack_and_loss(encoder)
    model.train()
    for batch in track(_prefetched(_batches(pack, params, seed)), "base: train", params.steps):
        loss = loss_of(model, to_device(batch, device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _pack_and_loss(encoder: Encoder) -> tuple[Callable[..., Any], Callable[[nn.Module, Any], Tensor]]:
    """Return what makes a batch of images and their pairs, and what makes a loss of a model and a batch."""
    family = encoder.family
    if isinstance(family, ContrastiveFamily):
        return partial(pack_texts, encoder), lambda model, batch: family.contrastive_loss(
            model, batch.pictures, batch.texts, batch.true
        )
    pair_losses = tunable_family(encoder.model_type).pair_losses
    return partial(pack_examples, encoder), lambda model, batch: pair_losses(model, batch).mean()


def _batches(pack: Callable[..., Any], params: TinyParams, seed: int) -> Iterator[Any]:
    """Yield the batch of each step; worker processes draw the images of later ones meanwhile."""
    numbers = list(range(params.steps * params.images_per_step))
    parts = [numbers[start : start + IMAGES_PER_PART] for start in range(0, len(numbers), IMAGES_PER_PART)]
    drawn = map_chunks(
        partial(draw_examples, seed=seed, size=params.image_size, pictures=params.pictures), parts
    )
    examples = (example for part in drawn for example in part)
    while own := list(islice(examples, params.images_per_step)):
        yield pack(*zip(*own, strict=True))


def _prefetched(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches while a thread makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch


def draw_examples(
    numbers: list[int], seed: int, size: int, pictures: str = "showroom"
) -> list[tuple[np.ndarray, list[tuple[str, str]]]]:
    """Draw a training example for each number: an image, uint8 (size, size, 3), and (question, answer) pairs."""
    if pictures == "museum":
        return [_museum_example(number, seed, size) for number in numbers]
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


def _museum_example(number: int, seed: int, size: int) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Draw an object that is in no museum, and name what its picture shows in one of the four languages."""
    thing = random_object(seed, "base", number)
    view = choose(VIEWS, seed, "base view", number)
    # Of another purpose than the museum's, whose objects are framed by their index.
    frame = framing(view, seed + 1, number)
    language = choose(LANGUAGES, seed, "base language", number)
    return np.asarray(draw_object(thing, frame, (size, size))), _object_pairs(thing, view, language)


def _object_pairs(thing: MuseumObject, view: str, language: str) -> list[tuple[str, str]]:
    seen = shown(thing, view)
    words = {
        "type": thing.kind,
        "material": thing.material,
        "shape": thing.shape,
        "pattern": thing.pattern,
        "subject": thing.subject,
        "period": thing.period,
        "place": thing.place,
    }
    return [(f"{language} {name}", say(word, language)) for name, word in words.items() if name in seen]


def pack_examples(encoder: Encoder, images: tuple, pairs: tuple) -> PackedBatch:
    """Pack training examples, given as images (uint8 arrays) and the pairs of each, into a batch."""
    questions, answers = zip(*(pair for own in pairs for pair in own), strict=True)
    return pack_batch(
        encoder.images(list(images)),
        [len(own) for own in pairs],
        encoder.questions(list(questions)),
        encoder.answers(list(answers)),
    )
