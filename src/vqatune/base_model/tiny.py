"""Tiny models, made and trained here, large enough to show on a laptop that tuning works.

They are trained on images drawn for it, never on images of the catalogue.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from transformers import get_cosine_schedule_with_warmup

from vqatune.base_model.contrastive import pack_texts
from vqatune.base_model.lessons import answer_labels, draw_examples, lesson_texts
from vqatune.models.device import reseed
from vqatune.models.encoder import Encoder
from vqatune.models.family import ContrastiveFamily, LabelledFamily
from vqatune.models.family_lookup import family_named, tunable_family
from vqatune.models.packing import PackedBatch, pack_batch, to_device
from vqatune.params import TinyParams
from vqatune.runtime.progress import map_chunks, track

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
        texts: the tokenizer's vocabulary is built from them, in any order, and from those of the lessons.
        tiny: the model's size, and its training.
        seed: of weights and products.
        device: that it is trained on; it is returned on the CPU, in evaluation.

    Raises ModelError where there is no such family.
    """
    made = family_named(family)
    texts = [*texts, *lesson_texts(tiny.pictures)]
    reseed(seed, "base")
    if isinstance(made, LabelledFamily):
        model, processor = made.make_untrained(texts, tiny.vocabulary, tiny, answer_labels(tiny.pictures))
    else:
        model, processor = made.make_untrained(texts, tiny.vocabulary, tiny)
    train_tiny(model.to(device), Encoder(family, processor), tiny, seed, device)
    return model.cpu(), processor


def train_tiny(
    model: nn.Module,
    encoder: Encoder,
    params: TinyParams,
    seed: int,
    device: torch.device,
) -> None:
    """Train the model on drawn examples: on products' colour, pattern, print and outline, but no product names.

    One epoch over images that are drawn for it, with AdamW; the learning rate is warmed up over a twentieth of the steps
    and decays to zero along a cosine. The loss is that of the family.
    """
    rate = params.learning_rate
    if isinstance(encoder.family, ContrastiveFamily):
        rate *= CONTRASTIVE_RATE
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, params.steps // 20, params.steps)
    pack, loss_of = _pack_and_loss(encoder)
    model.train()
    # A text that is true of an image and not said of it would count as false.
    only_names = isinstance(encoder.family, ContrastiveFamily)
    for batch in track(_prefetched(_batches(pack, params, seed, only_names)), "base: train", params.steps):
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


def _batches(pack: Callable[..., Any], params: TinyParams, seed: int, only_names: bool) -> Iterator[Any]:
    """Yield the batch of each step; worker processes draw the images of later ones meanwhile."""
    numbers = list(range(params.steps * params.images_per_step))
    parts = [numbers[start : start + IMAGES_PER_PART] for start in range(0, len(numbers), IMAGES_PER_PART)]
    drawn = map_chunks(
        partial(
            draw_examples, seed=seed, size=params.image_size, pictures=params.pictures, only_names=only_names
        ),
        parts,
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


def pack_examples(encoder: Encoder, images: tuple, pairs: tuple) -> PackedBatch:
    """Pack training examples, given as images (uint8 arrays) and the pairs of each, into a batch."""
    questions, answers = zip(*(pair for own in pairs for pair in own), strict=True)
    return pack_batch(
        encoder.images(list(images)),
        [len(own) for own in pairs],
        encoder.questions(list(questions)),
        encoder.answers(list(answers)),
    )
