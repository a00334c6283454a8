"""The most probable answers to questions, as texts: no answer is blank, and none has a special token in it."""

import re
from collections.abc import Iterator
from typing import Any

import torch

from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.top_k import top_k_answers
from vqatune.models.packing import PackedBatch

Likeliest = tuple[list[tuple[str, float]], bool]
"""Texts with the natural log-probability of the most probable way to write each, in descending order; and whether no
other text is more probable."""

# BERT's vocabulary has tokens such as [CLS] and [unused5] that its tokenizer does not call special. No text has them:
# it separates brackets.
_BRACKETED = re.compile(r"\[(?:[A-Z]+|unused\d+)\]")


def likeliest_answers(answerer: Answerer, batch: PackedBatch, count: int) -> Iterator[Likeliest]:
    """Yield the most probable answers to each question of a batch.

    Args:
        answerer: of the version; its model is in evaluation mode, within its precision.
        batch: of the answerer.
        count: of answers to each question, which may be fewer where there are no more.
    """

    def text(ids: tuple[int, ...]) -> str | None:
        return answerer.encoder.decode(torch.tensor([ids]))[0] or None

    special = special_ids(answerer.encoder.processor.tokenizer)
    for found in top_k_answers(
        answerer.model, batch, count, answerer.max_answer_tokens, key=text, excluded=special
    ):
        texts = [text(ids) or "" for ids in found.ids]
        yield list(zip(texts, found.log_probabilities, strict=True)), found.proven


def special_ids(tokenizer: Any) -> list[int]:
    """Return the ids of the tokens that stand for no text, such as [PAD], <image> and [unused5], rising.

    tokenizer: of transformers.
    """
    added = (number for number, token in tokenizer.added_tokens_decoder.items() if token.special)
    bracketed = (number for token, number in tokenizer.get_vocab().items() if _BRACKETED.fullmatch(token))
    return sorted({*tokenizer.all_special_ids, *added, *bracketed})
