"""ViLT: one encoder of a question's tokens and an image's patches, and a classifier over a list of answers.

A row is a question with its image. The image's patches are embedded once for all its questions; whatever follows
depends on the question, too. The modules are transformers' own, with any LoRA layers in them; their order differs from
`ViltForQuestionAnswering.forward`, which shuffles an image's patches at random, without effect on the result.

Kim et al., ViLT, 2021, https://arxiv.org/abs/2102.03334. The classifier was trained by a sigmoid an answer. Here a
probability is the softmax over a question's candidates, in the same order.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqatune.errors import ModelError, ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.family import Parts, VisionOptions
from vqatune.models.family_lookup import image_states_of
from vqatune.models.packing import PackedBatch
from vqatune.models.text_vectors import TextVectors

PARTS = Parts(
    vision=("vilt.embeddings.patch_embeddings",),
    text=(
        "vilt.embeddings.text_embeddings",
        "vilt.embeddings.token_type_embeddings",
        "vilt.encoder",
        "vilt.layernorm",
        "vilt.pooler",
        "classifier",
    ),
)
"""The encoder of both is a part of text, as it depends on the question."""
_ATTENTION = "vilt.encoder.*.attention.attention"
HEADS = ["classifier.*"]
PRESETS = {
    "text_query_value": [f"{_ATTENTION}.query", f"{_ATTENTION}.value"],
    "text_query_key_value": [f"{_ATTENTION}.query", f"{_ATTENTION}.key", f"{_ATTENTION}.value"],
    "text_query_value_out": [
        f"{_ATTENTION}.query",
        f"{_ATTENTION}.value",
        "vilt.encoder.*.attention.output.dense",
    ],
    "text_query_value_dense": [f"{_ATTENTION}.query", f"{_ATTENTION}.value", "vilt.encoder.*.dense"],
    "all_linear": ["vilt.encoder.*", "vilt.pooler.dense", "classifier.*"],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""
PAIRS_AT_ONCE = 64
"""Questions that go through the encoder in one batch where nothing is trained."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's class token and patches, embedded with their positions; without gradient where these are frozen.

    Args:
        model: of this family.
        pictures: "patches", (patches of all images, 3, side, side), and "grid", (images, 2): their rows and columns.
        options: how the vision tower runs, which this model does not have.

    Returns:
        "states", (tokens of all images, width).

    Raises:
        ParameterError: it is to be compiled.
        ModelError: an image has more patches than the model reads.
    """
    if (options or VisionOptions()).compiled:
        raise ParameterError("compute.compile is for BLIP alone so far: set it to false")
    embeddings, config = model.vilt.embeddings, model.config
    counts = pictures.rows["patches"]
    if 0 <= config.max_image_length < max(counts):
        raise ModelError(
            f"an image has {max(counts)} patches, of which the model would draw {config.max_image_length} at random: set "
            "max_image_length in its config.json to -1"
        )
    weights = [
        *embeddings.patch_embeddings.parameters(),
        embeddings.cls_token,
        embeddings.position_embeddings,
    ]
    trained = torch.is_grad_enabled() and any(weight.requires_grad for weight in weights)
    with torch.set_grad_enabled(trained):
        patches = embeddings.patch_embeddings(pictures.tensors["patches"]).flatten(1)
        side = config.image_size // config.patch_size
        at_class, grid = embeddings.position_embeddings[0].split([1, side * side])
        grid = grid.T.reshape(1, -1, side, side)
        tokens = []
        for own, (rows, columns) in zip(
            patches.split(counts), pictures.tensors["grid"].tolist(), strict=True
        ):
            place = F.interpolate(grid, size=(rows, columns), mode="bilinear", align_corners=True)
            tokens += [embeddings.cls_token[0] + at_class, own + place[0].flatten(1).T]
        # Where weights are in bf16 and autocast is off, both are.
        states = torch.cat([own.to(patches.dtype) for own in tokens])
    return Ragged({"states": states}, {"states": tuple(count + 1 for count in counts)})


def rank(
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[Sequence[int]]],
    kept: TextVectors | None = None,
) -> Tensor:
    """Return log-probabilities of each question's candidates, as RankingFamily.rank."""
    most = max(map(len, candidates))
    device = batch.questions.ids.device
    labels = {id(own): [ids[1] for ids in own] + [-1] * (most - len(own)) for own in candidates}
    index = torch.tensor([labels[id(own)] for own in candidates], device=device)
    pairs = torch.arange(batch.pairs, device=device)
    with torch.no_grad():
        logits = torch.cat([_label_logits(model, batch, own) for own in pairs.split(PAIRS_AT_ONCE)])
    scores = logits.gather(1, index.clamp(min=0)).masked_fill(index < 0, -torch.inf)
    return scores.log_softmax(1)


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's binary cross-entropy, summed over all labels: float32 (pairs,).

    The target is 1 for the label of its answer, and 0 for the others, as in transformers with one answer.
    """
    states = image_states_of(model, batch, options)
    batch = PackedBatch(
        None, batch.questions, batch.packed, batch.by_image, batch.inputs, batch.labels, states
    )
    logits = _label_logits(model, batch, torch.arange(batch.pairs, device=batch.questions.ids.device))
    targets = F.one_hot(batch.labels, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)


def _label_logits(model: nn.Module, batch: PackedBatch, pairs: Tensor) -> Tensor:
    """Return the classifier's logits for some of the questions of a batch with image states: float32 (pairs, labels).

    Raises ModelError where a question is longer than the model reads.
    """
    vilt, rows = model.vilt, batch.questions.rows
    embeddings, types = vilt.embeddings, vilt.embeddings.token_type_embeddings.weight
    text_mask = rows.mask[pairs]
    width = int(text_mask.sum(1).max())
    if width > model.config.max_position_embeddings:
        raise ModelError(
            f"a question takes {width} tokens, and the model reads {model.config.max_position_embeddings}: model.name must "
            "be a checkpoint with its own tokenizer"
        )
    text_mask = text_mask[:, :width]
    ids = batch.questions.ids[rows.token].view(rows.mask.shape)[pairs, :width]
    text = embeddings.text_embeddings(input_ids=ids) + types[0]
    states, image_mask = _image_rows(batch, pairs)
    hidden = torch.cat([text, states + types[1]], 1)
    mask = torch.cat([text_mask, image_mask], 1)[:, None, None, :]
    added = torch.zeros(mask.shape, dtype=hidden.dtype, device=mask.device)
    added = added.masked_fill(~mask, torch.finfo(hidden.dtype).min)
    hidden = vilt.encoder(hidden, attention_mask=added).last_hidden_state
    # The pooler reads the first token only.
    return model.classifier(vilt.pooler(vilt.layernorm(hidden[:, :1]))).float()


def _image_rows(batch: PackedBatch, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the image tokens of some questions, (pairs, largest number, width), and which of them are no padding."""
    ends = batch.questions.rows.mask.sum(1).cumsum(0)
    image = (batch.by_image.slot[ends - 1] // batch.by_image.mask.shape[1])[pairs]
    counts = torch.tensor(batch.image_states.rows["states"], device=pairs.device)
    starts, own = (counts.cumsum(0) - counts)[image], counts[image]
    place = torch.arange(int(own.max()), device=pairs.device)
    mask = place < own[:, None]
    index = starts[:, None] + place.minimum(own[:, None] - 1)
    return batch.image_states.tensors["states"][index], mask
