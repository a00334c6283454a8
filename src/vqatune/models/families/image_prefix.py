"""Images as the prefix of what a language model reads: the tokens before a question, the image's features in their places."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vqatune.errors import ModelError, ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.family import Parts, VisionOptions


def pictures_with_prefixes(
    pixels: dict[str, tuple[Tensor, Sequence[int]]],
    prefixes: Sequence[Sequence[int]],
    positions: Sequence[Tensor] | None = None,
) -> Ragged:
    """Return preprocessed images together with their prefixes.

    Args:
        pixels: by name, what the vision tower takes, (rows of all images, …), and the number of rows of each image.
        prefixes: the token ids of each image's prefix.
        positions: of the tokens of each prefix, (tokens, axes), int64; None: one after the other.
    """
    lengths = tuple(len(ids) for ids in prefixes)
    if positions is None:
        positions = [torch.arange(length)[:, None] for length in lengths]
    tensors = {name: tensor for name, (tensor, _) in pixels.items()}
    rows = {name: tuple(counts) for name, (_, counts) in pixels.items()}
    return Ragged(
        tensors
        | {
            "prefix": torch.tensor([token for ids in prefixes for token in ids]),
            "positions": torch.cat(list(positions)),
        },
        rows | {"prefix": lengths, "positions": lengths},
    )


def embed_prefixes(
    model: nn.Module,
    parts: Parts,
    pictures: Ragged,
    image_features: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    options: VisionOptions | None = None,
) -> Ragged:
    """Return each image's prefix, embedded; without gradient where nothing that makes the features is trained.

    Args:
        model: of the family.
        parts: of the family.
        pictures: as `pictures_with_prefixes`.
        image_features: from `inputs` to the features of all images, (image tokens, features).
        inputs: what the vision tower takes.
        options: how it runs.

    Returns:
        "prefix", (tokens, features), and "positions", (tokens, axes).

    Raises:
        ParameterError: the vision tower is to be compiled.
        ModelError: there is another number of image tokens than features.
    """
    options = options or VisionOptions()
    if options.compiled:
        raise ParameterError("compute.compile is for BLIP alone so far: set it to false")
    trained = torch.is_grad_enabled() and any(
        weight.requires_grad for part in parts.vision for weight in model.get_submodule(part).parameters()
    )
    with torch.set_grad_enabled(trained):
        if options.checkpointing and trained:
            images = checkpoint(image_features, *inputs, use_reentrant=False)
        else:
            images = image_features(*inputs)
        ids = pictures.tensors["prefix"]
        places = ids == model.config.image_token_id
        check_image_tokens(int(places.sum()), len(images))
        embedded = model.get_input_embeddings()(ids)
        embedded = embedded.masked_scatter(places[:, None], images.to(embedded.dtype))
    kept = {"prefix": embedded, "positions": pictures.tensors["positions"]}
    return Ragged(kept, {name: pictures.rows[name] for name in kept})


def check_image_tokens(tokens: int, features: int) -> None:
    """Raise ModelError where a processor makes another number of tokens of images than their model has features."""
    if tokens != features:
        raise ModelError(
            f"the processor makes {tokens} tokens of an image, and the model {features}: model.name must be a checkpoint "
            "with its own processor"
        )


def text_presets(
    text: str,
    out: str = "o_proj",
    dense: Sequence[str] = (),
    query_key_value: tuple[str, str, str] = ("q_proj", "k_proj", "v_proj"),
) -> dict[str, list[str]]:
    """Return the presets of `lora.target_modules` for a language model.

    Args:
        text: the path of the language model.
        out: the name of attention's output layer.
        dense: the names of the other linear layers.
        query_key_value: the names of attention's other layers.
    """
    query, key, value = query_key_value
    presets = {
        "text_query_value": [query, value],
        "text_query_key_value": [query, key, value],
        "text_query_value_out": [query, value, out],
        "text_query_value_dense": [query, value, out, *dense],
    }
    return {preset: [f"{text}.*.{name}" for name in names] for preset, names in presets.items()}
