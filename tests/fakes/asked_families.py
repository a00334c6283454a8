"""Images with questions and answers for the models of tiny_families, together or one by one, and transformers' own results."""

import random

import torch
from PIL import Image
from tiny_families import STOCK, prompt_ids

from vqatune.loading.ragged import Ragged
from vqatune.models.encoder import Encoder
from vqatune.models.family_lookup import family_of
from vqatune.models.packing import PackedBatch, pack_batch

WORDS = ["red", "blue", "two", "striped", "it", "stars", "there"]


class Asked:
    """Images with questions and answers, together or one by one."""

    def __init__(self, encoder: Encoder, counts: tuple[int, ...], seed: int = 1) -> None:
        words = random.Random(seed)
        sizes = [(words.randrange(8, 60), words.randrange(8, 60)) for _ in counts]
        images = [Image.effect_noise(size, 90).convert("RGB") for size in sizes]
        self.counts, self.pictures = counts, encoder.images(images)
        self.image = [image for image, count in enumerate(counts) for _ in range(count)]
        texts = [" ".join(words.choices(WORDS, k=words.randrange(1, 6))) + "?" for _ in self.image]
        self.questions = encoder.questions(texts)
        self.answers = encoder.answers([words.choice(WORDS) for _ in self.image])

    def together(self) -> PackedBatch:
        return pack_batch(self.pictures, self.counts, self.questions, self.answers)

    def prompt(self, model, pair: int) -> tuple[list[int], Ragged]:
        """The tokens before a pair's answer, and its picture."""
        own = self.pictures.select(self.image[pair], self.image[pair] + 1)
        return prompt_ids(model, own, self.questions[pair], self.answers[pair]), own


def stock_loss(kind: str, model, asked: Asked, pair: int) -> torch.Tensor:
    """Return the loss of a pair alone."""
    ids, picture = asked.prompt(model, pair)
    answer = asked.answers[pair][1:]
    if model.config.is_encoder_decoder:
        whole = torch.tensor([ids])
        labels = torch.tensor([answer])
        return model(input_ids=whole, labels=labels, **STOCK[kind](picture, whole, model)).loss
    labels = torch.tensor([[-100] * len(ids) + answer])
    whole = torch.tensor([[*ids, *answer]])
    return model(input_ids=whole, labels=labels, **STOCK[kind](picture, whole, model)).loss


def stock_answer(kind: str, model, asked: Asked, pair: int, **options) -> list[int]:
    """Return the ids of transformers' own answer to one question."""
    ids, picture = asked.prompt(model, pair)
    whole = torch.tensor([ids])
    found = model.generate(
        input_ids=whole,
        attention_mask=torch.ones_like(whole),
        max_new_tokens=5,
        do_sample=False,
        **STOCK[kind](picture, whole, model),
        **options,
    )[0]
    # BLIP-2 returns the answer alone.
    return without_padding(model, found[len(ids) :] if found[: len(ids)].tolist() == ids else found)


def without_padding(model, ids: torch.Tensor) -> list[int]:
    """Return ids without padding."""
    # These models write padding now and then: it is dropped from both sides.
    return [token for token in ids.tolist() if token != family_of(model).answer_tokens(model).padding]
