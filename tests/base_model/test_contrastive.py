from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tiny_rankers import tiny_ranker

from vqatune.base_model.contrastive import pack_texts
from vqatune.base_model.tiny import draw_examples
from vqatune.models.encoder import Encoder

PAIRS = (
    [("color?", "red"), ("stars?", "two")],
    [("color?", "red")],
    [("color?", "blue"), ("stars?", "two")],
)
"""All that is true of three images: the first two are red, the first and the last have two stars."""


def _batch(encoder: Encoder):
    images = tuple(draw_examples([number], 3, 32)[0][0] for number in range(3))
    return pack_texts(encoder, images, PAIRS)


def test_a_text_that_images_share_stands_once_and_is_true_of_all_of_them():
    _, encoder = tiny_ranker("clip")
    batch = _batch(encoder)
    assert batch.true.tolist() == [[True, True, False], [True, False, False], [False, True, True]]
    [whole] = encoder.processor.tokenizer(["color? red"]).input_ids
    assert len(batch.texts) == 3 and batch.texts[0] == whole


def _softmax_loss(scores: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """CLIP's loss of every true pair among what is not true of its image, and of its text."""
    losses = []
    for image, text in true.nonzero().tolist():
        row = torch.cat([scores[image, text][None], scores[image][~true[image]]])
        column = torch.cat([scores[image, text][None], scores[:, text][~true[:, text]]])
        losses += [-row.log_softmax(0)[0], -column.log_softmax(0)[0]]
    return torch.stack(losses).mean()


def _sigmoid_loss(scores: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    return -F.logsigmoid(scores * (2 * true.float() - 1)).sum() / len(scores)


@pytest.mark.parametrize(
    ("kind", "expected", "options"),
    [("clip", _softmax_loss, {"padding": "longest"}), ("siglip", _sigmoid_loss, {"padding": "max_length"})],
)
def test_the_loss_is_that_of_stock_scores_and_reaches_both_towers(
    kind: str, expected: Callable[..., torch.Tensor], options: dict[str, str]
):
    model, encoder = tiny_ranker(kind)
    batch = _batch(encoder)
    texts = [" ".join(pair) for pair in dict.fromkeys(pair for own in PAIRS for pair in own)]
    inputs = encoder.processor.tokenizer(texts, return_tensors="pt", **options)
    scores = model(pixel_values=batch.pictures.tensors["pixel_values"], **inputs).logits_per_image
    loss = encoder.family.contrastive_loss(model, batch.pictures, batch.texts, batch.true)
    torch.testing.assert_close(loss, expected(scores, batch.true), rtol=1e-5, atol=1e-5)
    weights = [*model.vision_model.parameters(), *model.text_model.parameters()]
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_a_text_that_is_true_of_every_image_has_a_finite_gradient():
    model, encoder = tiny_ranker("clip")
    batch = _batch(encoder)
    everything = torch.ones_like(batch.true)
    loss = encoder.family.contrastive_loss(model, batch.pictures, batch.texts, everything)
    gradients = torch.autograd.grad(loss, [*model.parameters()], allow_unused=True)
    assert loss == 0 and all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
