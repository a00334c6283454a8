"""Batches for models that learn which text is true of which image."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqatune.loading.ragged import Ragged
from vqatune.models.encoder import Encoder


@dataclass(frozen=True)
class TextsOfImages:
    """Images and the texts that are true of any of them."""

    pictures: Ragged
    """The preprocessed images."""
    texts: list[list[int]]
    """The token ids of distinct texts, a question and behind it an answer each, as a family that ranks reads them."""
    true: Tensor
    """bool (images, texts): whether a text is true of an image. Several images may share a text."""


def pack_texts(
    encoder: Encoder, images: tuple[np.ndarray, ...], pairs: tuple[list[tuple[str, str]], ...]
) -> TextsOfImages:
    """Pack training examples, given as images (uint8 arrays) and all pairs that are true of each, into a batch."""
    places = {pair: place for place, pair in enumerate(dict.fromkeys(pair for own in pairs for pair in own))}
    true = torch.zeros(len(images), len(places), dtype=torch.bool)
    for image, own in enumerate(pairs):
        true[image, [places[pair] for pair in own]] = True
    questions, answers = map(list, zip(*places, strict=True))
    each = zip(encoder.questions(questions), encoder.answers(answers), strict=True)
    pictures = encoder.images([Image.fromarray(image) for image in images])
    return TextsOfImages(pictures, [[*asked, *answer] for asked, answer in each], true)
