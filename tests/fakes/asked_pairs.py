"""Images with questions and answers in tokens, for the model of untrained_blip: together in a batch, or one by one."""

import random

import torch
from transformers import BlipForQuestionAnswering
from untrained_blip import PAD, SEP, pictures, untrained_blip

from vqatune.models.packing import PackedBatch, pack_batch

DEC, ENC = 58, 59
COUNTS = (3, 1, 5)
"""Of questions, by image."""


def asked_model() -> BlipForQuestionAnswering:
    """Return the model that is asked."""
    return untrained_blip(32, 32, 60, DEC, label_smoothing=0.1)


class Asked:
    """Images, their questions and answers, as lists, to be put into one batch or asked one by one."""

    def __init__(self, counts: tuple[int, ...], seed: int = 1) -> None:
        words = random.Random(seed)

        def text(first: int, low: int, high: int) -> list[int]:
            return [first, *(words.randrange(5, 58) for _ in range(words.randrange(low, high))), SEP]

        self.counts = counts
        self.image = [image for image, count in enumerate(counts) for _ in range(count)]
        self.pixels = torch.randn(len(counts), 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        self.questions = [text(ENC, 2, 9) for _ in self.image]
        self.answers = [text(DEC, 1, 4) for _ in self.image]

    def together(self) -> PackedBatch:
        return pack_batch(pictures(self.pixels), self.counts, self.questions, self.answers)

    def alone(self, pair: int, answer: list[int] | None = None) -> PackedBatch:
        picture = self.pixels[self.image[pair]][None]
        return pack_batch(pictures(picture), [1], [self.questions[pair]], [answer or self.answers[pair]])


def stock_loss(model: BlipForQuestionAnswering, asked: Asked, pair: int) -> torch.Tensor:
    """Return the loss that transformers gives a pair alone."""
    question, answer = torch.tensor([asked.questions[pair]]), torch.tensor([asked.answers[pair]])
    return model(
        input_ids=question,
        pixel_values=asked.pixels[asked.image[pair]][None],
        attention_mask=torch.ones_like(question),
        decoder_input_ids=answer,
        decoder_attention_mask=torch.ones_like(answer),
        labels=answer,
    ).loss


def tokens(ids: torch.Tensor) -> list[int]:
    """Return a text without its padding."""
    return ids[ids != PAD].tolist()
