"""Small models that rank, trained on lessons, and how many colors they name."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from vqatune.base_model.lessons import draw_examples
from vqatune.base_model.tiny import make_tiny
from vqatune.models.encoder import Encoder
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import pack_batch
from vqatune.params import TinyParams
from vqatune.showroom.products import COLORS

LESSON = "name the color"


def small_tiny(learning_rate: float = 2e-3, **values) -> TinyParams:
    shape = {"image_size": 16, "patch_size": 8, "layers": 1, "heads": 4, "vocabulary": 600}
    return TinyParams(images_per_step=8, learning_rate=learning_rate, **shape, **values)


def share_of_colors(kind: str, tiny: TinyParams) -> float:
    """Train a model, and return the share of a hundred other drawings whose color it ranks first."""
    model, processor = make_tiny(kind, [LESSON, *COLORS], tiny, 13, torch.device("cpu"))
    encoder = Encoder(kind, processor)
    drawn = draw_examples(list(range(5_000_000, 5_000_100)), 13, 16, only_names=True)
    pictures, pairs = zip(*drawn, strict=True)
    images = encoder.images([Image.fromarray(own) for own in pictures])
    batch = pack_batch(images, [1] * len(pictures), encoder.questions([LESSON] * len(pictures)))
    batch = replace(batch, image_states=image_states_of(model, batch))
    colors = list(COLORS)
    scores = encoder.family.rank(model, batch, [encoder.answers(colors)] * len(pictures))
    return float(
        np.mean(
            [colors[best] == dict(own)[LESSON] for best, own in zip(scores.argmax(1), pairs, strict=True)]
        )
    )
