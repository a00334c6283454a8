"""Dual encoders, such as CLIP: an image and a text become a vector each, whose similarity is the score.

A candidate is read in the words `{question} {answer}`, as one text. An image is encoded once for all its questions, and
a question with the same candidates once a call; once a run where vectors are kept.

In these words untuned CLIP does little better than chance on VQA v2 (Shen et al., How much can CLIP benefit
vision-and-language tasks?, 2021, https://arxiv.org/abs/2107.06383). Statements made of question and answer do better (Song
et al., CLIP models are few-shot learners, 2022, https://arxiv.org/abs/2203.07190); they are not made here.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from vqatune.errors import ImageError, ModelError, ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.family import VisionOptions
from vqatune.models.packing import PackedBatch
from vqatune.models.text_vectors import TextVectors

WORDING = "{question} {answer}"
"""What is read as one text."""
ANSWER_TOKENS = 16
"""The most tokens of an answer, the end token included; a question has the rest of the context."""
TEXTS_AT_ONCE = 256
"""Texts that are encoded in one batch."""
Group = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]
"""A question's token ids, and those of its candidates."""
NARROWEST = 200
"""The largest ratio of an image's sides: the shorter one is resized to hundreds of pixels before the image is cropped."""


def questions(processor: Any, texts: list[str], longest: int | None) -> list[list[int]]:
    """Return the questions' token ids from the start token, without an end token.

    They are truncated so that an answer fits behind them (`longest` None: whole).
    """
    tokenizer = processor.tokenizer
    start, _ = _special_ids(tokenizer)
    ids = [[*start, *own] for own in tokenizer(texts, add_special_tokens=False).input_ids]
    if longest is None:
        return ids
    return [own[: min(longest, tokenizer.model_max_length - ANSWER_TOKENS)] for own in ids]


def answers(processor: Any, texts: list[str], longest: int) -> list[list[int]]:
    """Return the answers' token ids as they stand behind a question, with the end token, truncated to 16 tokens."""
    tokenizer = processor.tokenizer
    _, end = _special_ids(tokenizer)
    most = min(longest, ANSWER_TOKENS) - len(end)
    [before] = tokenizer(["a"], add_special_tokens=False).input_ids
    found = []
    for text, ids in zip(
        texts, tokenizer([f"a {text}" for text in texts], add_special_tokens=False).input_ids, strict=True
    ):
        if ids[: len(before)] != before:
            raise ModelError(
                f"the answer {text!r} changes the tokens of the question before it: this tokenizer cannot be used"
            )
        found.append([*ids[len(before) :][:most], *end])
    return found


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the ids that a tokenizer puts before and behind a text."""
    [whole], [bare] = tokenizer(["a"]).input_ids, tokenizer(["a"], add_special_tokens=False).input_ids
    start = next(place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


def check_shapes(images: list[Image.Image]) -> None:
    """Raise ImageError where an image is so narrow that it would be resized to a hundred thousand pixels' length."""
    for image in images:
        if max(image.size) > NARROWEST * min(image.size):
            raise ImageError(
                f"the model does not take this picture: {image.width} × {image.height} pixels are narrower than 1 : {NARROWEST}"
            )


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return the images' vectors of length 1, float32 (images, features), without gradient; raises ParameterError for compiling."""
    if (options or VisionOptions()).compiled:
        raise ParameterError("compute.compile is for BLIP alone so far: set it to false")
    with torch.no_grad():
        return Ragged.one_each("vectors", image_vectors(model, pictures))


def image_vectors(model: nn.Module, pictures: Ragged) -> Tensor:
    """Return the images' vectors of length 1, float32 (images, features)."""
    features = model.get_image_features(pixel_values=pictures.tensors["pixel_values"]).pooler_output
    return F.normalize(features.float(), dim=-1)


def text_vectors(encoded: Tensor) -> Tensor:
    """Return texts as a tower encodes them, (texts, features), as vectors of length 1, float32."""
    return F.normalize(encoded.float(), dim=-1)


def rank(
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[Sequence[int]]],
    kept: TextVectors | None,
    encode_texts: Callable[[list[list[int]]], Tensor],
    logits: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank.

    Args:
        model: whose text encoder reads at most `config.text_config.max_position_embeddings` tokens.
        batch: images and questions, with image states.
        candidates: of each question the ids of its candidates.
        kept: vectors of questions with their candidates. With it each question's texts are encoded in batches of their own,
            so that a vector has the same bits whichever questions were there before.
        encode_texts: from token ids of texts to their vectors, (texts, features).
        logits: from cosines to scores.

    Raises ModelError where a text is longer than the model reads.
    """
    ends = batch.questions.rows.mask.sum(1).cumsum(0)
    asked = [tuple(ids.tolist()) for ids in batch.questions.ids.cpu().tensor_split(ends[:-1].cpu())]
    # All questions may share one list of candidates.
    listed = {id(own): tuple(map(tuple, own)) for own in candidates}
    groups = [(question, listed[id(own)]) for question, own in zip(asked, candidates, strict=True)]
    encode = partial(_encode, model.config.text_config.max_position_embeddings, encode_texts)
    image = batch.by_image.slot[ends - 1] // batch.by_image.mask.shape[1]
    images = batch.image_states.tensors["vectors"][image]
    with torch.no_grad():
        vectors = _vectors(dict.fromkeys(groups), kept, encode)
        # Autocast would round cosines to bf16, and a logit is a hundred times as large.
        with torch.autocast(images.device.type, enabled=False):
            # Sums of products: a matrix product may round equal rows differently.
            scores = [
                logits((vectors[group] * own).sum(1)) for group, own in zip(groups, images, strict=True)
            ]
    return pad_sequence(scores, batch_first=True, padding_value=-torch.inf).log_softmax(1)


def _vectors(
    groups: Iterable[Group], kept: TextVectors | None, encode: Callable[[list[list[int]]], Tensor]
) -> dict[Group, Tensor]:
    """Return the vectors of distinct questions with their candidates, each (candidates, features)."""
    texts = {group: [[*group[0], *ids] for ids in group[1]] for group in groups}
    if kept is not None:
        return {group: kept.get(group, partial(encode, own)) for group, own in texts.items()}
    together = encode([text for own in texts.values() for text in own])
    return dict(zip(texts, together.split([len(own) for own in texts.values()]), strict=True))


def _encode(
    context: int, encode_texts: Callable[[list[list[int]]], Tensor], texts: list[list[int]]
) -> Tensor:
    longest = max(map(len, texts))
    if longest > context:
        raise ModelError(
            f"a question with its answer takes {longest} tokens, and the model reads {context}: model.name must be a "
            "checkpoint with its own tokenizer"
        )
    # Each once: rows of a batch that are the same text may differ by a rounding.
    places = {text: place for place, text in enumerate(dict.fromkeys(map(tuple, texts)))}
    distinct = [list(text) for text in places]
    batches = (distinct[first : first + TEXTS_AT_ONCE] for first in range(0, len(distinct), TEXTS_AT_ONCE))
    vectors = torch.cat([text_vectors(encode_texts(own)) for own in batches])
    return vectors[[places[tuple(text)] for text in texts]]
