"""LLaVA-1.5 and BakLLaVA: a vision tower and a projector in front of a language model.

Liu et al., Improved Baselines with Visual Instruction Tuning, 2023, https://arxiv.org/abs/2310.03744.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vqatune.errors import ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.families import decoder_only
from vqatune.models.families.decoder_only import Language, PackedQuestions
from vqatune.models.family import AnswerTokens, Parts, Past, VisionOptions, image_states_of
from vqatune.models.packing import PackedBatch, RowLayout, Texts

PARTS = Parts(
    vision=("model.vision_tower", "model.multi_modal_projector"), text=("model.language_model", "lm_head")
)
_TEXT = "model.language_model.*"
PRESETS = {
    "vision": ["model.vision_tower.*.q_proj", "model.vision_tower.*.k_proj", "model.vision_tower.*.v_proj"],
    "text_query_value": [f"{_TEXT}.q_proj", f"{_TEXT}.v_proj"],
    "text_query_key_value": [f"{_TEXT}.q_proj", f"{_TEXT}.k_proj", f"{_TEXT}.v_proj"],
    "text_query_value_out": [f"{_TEXT}.q_proj", f"{_TEXT}.v_proj", f"{_TEXT}.o_proj"],
    "text_query_value_dense": [
        *(f"{_TEXT}.{name}" for name in ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"))
    ],
    "all_linear": ["model.vision_tower.*", "model.multi_modal_projector.*", _TEXT],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers."""


def answer_tokens(model: nn.Module) -> AnswerTokens:
    """Return the vocabulary of a model's answers; they start from the last token of the prompt."""
    config = model.config.text_config
    return AnswerTokens(
        start=model.answer_start,
        end=config.eos_token_id,
        padding=config.pad_token_id if config.pad_token_id is not None else config.eos_token_id,
        count=config.vocab_size,
        layers=config.num_hidden_layers,
    )


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded: the tokens before the question, with the image's features in their places.

    Raises ParameterError where the vision tower is to be compiled.
    """
    options = options or VisionOptions()
    if options.compiled:
        raise ParameterError("compute.compile is for BLIP alone so far: set it to false")
    trained = torch.is_grad_enabled() and any(
        weight.requires_grad for part in PARTS.vision for weight in model.get_submodule(part).parameters()
    )

    def features(pixel_values: Tensor) -> Tensor:
        return torch.cat(model.model.get_image_features(pixel_values=pixel_values).pooler_output)

    with torch.set_grad_enabled(trained):
        pixel_values = pictures.tensors["pixel_values"]
        if options.checkpointing and trained:
            images = checkpoint(features, pixel_values, use_reentrant=False)
        else:
            images = features(pixel_values)
        ids = pictures.tensors["prefix"]
        embedded = model.get_input_embeddings()(ids)
        places = (ids == model.config.image_token_id)[:, None]
        return decoder_only.prefix_states(
            embedded.masked_scatter(places, images.to(embedded.dtype)), pictures.rows["prefix"]
        )


def encode_questions(model: nn.Module, batch: PackedBatch) -> PackedQuestions:
    """Return the keys and values of the questions of a batch that holds image states."""
    return decoder_only.encode_questions(_language(model), model.get_input_embeddings(), batch)


def decode(
    model: nn.Module, texts: Texts, questions: PackedQuestions, by_pair: RowLayout, past: Past | None = None
) -> Tensor:
    """Return the logits of the token after each token of the texts, as Family.decode."""
    embed = model.get_input_embeddings()
    return decoder_only.decode(_language(model), embed, texts, questions, by_pair, past)


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's mean cross-entropy over its answer's tokens, as Family.pair_losses."""
    states = image_states_of(model, batch, options)
    return decoder_only.pair_losses(
        _language(model), model.get_input_embeddings(), replace(batch, image_states=states)
    )


def _language(model: nn.Module) -> Language:
    config = model.model.language_model.config
    return Language(model.model.language_model, model.lm_head, config._attn_implementation == "eager")
