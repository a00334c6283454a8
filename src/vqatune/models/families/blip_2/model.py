"""BLIP-2: a vision tower and a Q-Former, whose 32 queries are what a frozen language model reads of an image.

Li et al., BLIP-2, 2023, https://arxiv.org/abs/2301.12597.
"""

from types import ModuleType

from torch import Tensor, nn

from vqatune.loading.ragged import Ragged
from vqatune.models.families import decoder_only
from vqatune.models.families.blip_2 import t5
from vqatune.models.families.image_prefix import embed_prefixes, text_presets
from vqatune.models.family import AnswerTokens, EncodedQuestions, Parts, Past, VisionOptions
from vqatune.models.packing import PackedBatch, RowLayout, Texts

PARTS = Parts(vision=("vision_model", "qformer", "language_projection"), text=("language_model",))
_OPT = text_presets("language_model", out="out_proj", dense=("fc1", "fc2"))
_T5 = text_presets(
    "language_model", out="o", dense=("wi", "wi_0", "wi_1", "wo"), query_key_value=("q", "k", "v")
)
HEADS = ["language_model.lm_head"]
PRESETS = {
    "vision": ["vision_model.*.qkv", "vision_model.*.projection"],
    **{name: [*own, *_T5[name]] for name, own in _OPT.items()},
    "all_linear": [
        "vision_model.*",
        "qformer.*",
        "language_projection",
        "language_model.*layers.*",
        "language_model.*block.*",
    ],
}
"""The presets of `lora.target_modules`: patterns of the paths of linear layers, those with OPT and those with T5."""


def encode_images(model: nn.Module, pictures: Ragged, options: VisionOptions | None = None) -> Ragged:
    """Return each image's prefix, embedded, as `embed_prefixes`."""

    def features(pixel_values: Tensor) -> Tensor:
        return model.get_image_features(pixel_values=pixel_values).pooler_output.flatten(0, 1)

    return embed_prefixes(model, PARTS, pictures, features, [pictures.tensors["pixel_values"]], options)


def answer_tokens(model: nn.Module) -> AnswerTokens:
    """Return the vocabulary of a model's answers."""
    return _language(model).answer_tokens(model)


def encode_questions(model: nn.Module, batch: PackedBatch) -> EncodedQuestions:
    """Return the questions of a batch that holds image states; raises ParameterError with T5 in fp16."""
    return _language(model).encode_questions(model, batch)


def decode(
    model: nn.Module,
    texts: Texts,
    questions: EncodedQuestions,
    by_pair: RowLayout,
    past: Past | None = None,
) -> Tensor:
    """Return the logits of the token after each token of the texts, (tokens, vocabulary), as Family.decode."""
    return _language(model).decode(model, texts, questions, by_pair, past)


def pair_losses(model: nn.Module, batch: PackedBatch, options: VisionOptions | None = None) -> Tensor:
    """Return each pair's mean cross-entropy over its answer's tokens, as Family.pair_losses."""
    return _language(model).pair_losses(model, batch, options)


def _language(model: nn.Module) -> ModuleType:
    """Return the functions for a model's language model: OPT reads an image as a prefix, T5 has an encoder."""
    return decoder_only if model.config.use_decoder_only_language_model else t5
