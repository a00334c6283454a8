"""Dual encoders, such as CLIP: an image and a text become a vector each, whose similarity is the score.

A candidate is read in the words `{question} {answer}`, as one text. An image is encoded once for all its questions, and
texts that several questions or images share are encoded once a call.

In these words untuned CLIP does little better than chance on VQA v2 (Shen et al., How much can CLIP benefit
vision-and-language tasks?, 2021, https://arxiv.org/abs/2107.06383). Statements made of question and answer do better (Song
et al., CLIP models are few-shot learners, 2022, https://arxiv.org/abs/2203.07190); they are not made here.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from vqatune.errors import ImageError, ModelError, ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.family import VisionOptions
from vqatune.models.packing import PackedBatch

WORDING = "{question} {answer}"
"""What is read as one text."""
ANSWER_TOKENS = 16
"""The most tokens of an answer, the end token included; a question has the rest of the context."""
TEXTS_AT_ONCE = 256
"""Texts that are encoded in one batch."""
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
    encode_texts: Callable[[list[list[int]]], Tensor],
    logits: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank.

    Args:
        model: whose text encoder reads at most `config.text_config.max_position_embeddings` tokens.
        batch: images and questions, with image states.
        candidates: of each question the ids of its candidates.
        encode_texts: from token ids of texts to their vectors, (texts, features).
        logits: from cosines to scores.

    Raises ModelError where a text is longer than the model reads.
    """
    texts, index = _distinct_texts(batch, candidates)
    context = model.config.text_config.max_position_embeddings
    longest = max(map(len, texts))
    if longest > context:
        raise ModelError(
            f"a question with its answer takes {longest} tokens, and the model reads {context}: model.name must be a "
            "checkpoint with its own tokenizer"
        )
    vectors = batch.image_states.tensors["vectors"]
    with torch.no_grad():
        parts = []
        for first in range(0, len(texts), TEXTS_AT_ONCE):
            encoded = text_vectors(encode_texts(texts[first : first + TEXTS_AT_ONCE]))
            # Autocast would round cosines to bf16, and a logit is a hundred times as large.
            with torch.autocast(vectors.device.type, enabled=False):
                parts.append(vectors @ encoded.T)
        # (images, texts) → (pairs, candidates).
        scores = logits(torch.cat(parts, 1))
    ends = batch.questions.rows.mask.sum(1).cumsum(0)
    image = batch.by_image.slot[ends - 1] // batch.by_image.mask.shape[1]
    index = index.to(scores.device)
    scores = scores[image].gather(1, index.clamp(min=0)).masked_fill(index < 0, -torch.inf)
    return scores.log_softmax(1)


def _distinct_texts(
    batch: PackedBatch, candidates: Sequence[Sequence[Sequence[int]]]
) -> tuple[list[list[int]], Tensor]:
    """Return the distinct texts of questions with their candidates, and which of them are each question's.

    The latter is int64 (pairs, largest number of candidates), -1 where a question has fewer.
    """
    ends = batch.questions.rows.mask.sum(1).cumsum(0)[:-1].cpu()
    asked = [tuple(ids.tolist()) for ids in batch.questions.ids.cpu().tensor_split(ends)]
    most = max(map(len, candidates))
    places: dict[tuple[int, ...], int] = {}
    rows: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for question, own in zip(asked, candidates, strict=True):
        # All questions may share one list of candidates.
        if (question, id(own)) not in rows:
            found = [places.setdefault((*question, *ids), len(places)) for ids in own]
            rows[question, id(own)] = [*found, *[-1] * (most - len(own))]
    index = [rows[question, id(own)] for question, own in zip(asked, candidates, strict=True)]
    return [list(text) for text in places], torch.tensor(index)
