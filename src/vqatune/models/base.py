"""The base model that v1 starts from: a tiny BLIP trained here, a hub checkpoint, or random weights."""

from pathlib import Path

import torch
from transformers import BlipConfig, BlipForQuestionAnswering, BlipTextConfig, BlipVisionConfig
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.blip.processing_blip import BlipProcessor

from vqatune.errors import ParameterError
from vqatune.models.checkpoint import load_model, load_processor, save_checkpoint
from vqatune.models.runtime import start
from vqatune.models.tiny import make_tokenizer, train_tiny
from vqatune.params import Params, TinyParams
from vqatune.tables import replacing_folder

WHOLE_VOCABULARY = 30522
"""Words in the vocabulary of blip-vqa-base, before [DEC] and [ENC]."""


def make_base(params: Params, texts: list[str], folder: Path) -> None:
    """Write the base checkpoint that `model.source` asks for.

    Args:
        params: uses seed, model and compute.
        texts: questions and answers of the training set, which give a tokenizer made here its words.
        folder: appears when all is written, not before.

    Raises:
        ModelError: the hub's checkpoint is missing, incomplete or not one for question answering.
        ParameterError: it is not pinned to a revision, or the device is absent.
    """
    device = start(params.compute, params.seed, "base")
    with replacing_folder(folder) as unfinished:
        if params.model.source == "hub":
            revision = params.model.revision
            if revision is None and not Path(params.model.name).exists():
                raise ParameterError(
                    "model.revision must pin the hub checkpoint to a commit, for the same weights"
                )
            model = load_model(params.model.name, revision=revision)
            processor = load_processor(params.model.name, revision=revision)
        else:
            model, processor = _made_here(params, texts, device)
        save_checkpoint(model, processor, unfinished, params.model.question_token)


def _made_here(
    params: Params, texts: list[str], device: torch.device
) -> tuple[BlipForQuestionAnswering, BlipProcessor]:
    tiny = params.model.tiny
    tokenizer = make_tokenizer(texts, tiny.vocabulary)
    if params.model.source == "random":
        config = architecture(tokenizer, None)
    else:
        config = architecture(tokenizer, tiny)
    size = config.vision_config.image_size
    processor = BlipProcessor(BlipImageProcessorPil(size={"height": size, "width": size}), tokenizer)
    model = BlipForQuestionAnswering(config)
    if params.model.source == "showroom":
        train_tiny(model.to(device), processor, tiny, params.seed, device)
    return model.cpu(), processor


def architecture(tokenizer, tiny: TinyParams | None) -> BlipConfig:
    """Return the configuration of a tiny BLIP, or (None) that of blip-vqa-base, for a tokenizer made here."""
    tokens = {"pad_token_id": tokenizer.pad_token_id, "sep_token_id": tokenizer.sep_token_id}
    if tiny is None:
        tokens |= {"vocab_size": WHOLE_VOCABULARY + 2, "bos_token_id": tokenizer.bos_token_id}
        return BlipConfig(
            # The class's own default of 1e-10 would leave the tower without signal.
            vision_config=BlipVisionConfig(initializer_range=0.02).to_dict(),
            text_config=BlipTextConfig(num_attention_heads=12, **tokens).to_dict(),
        )
    shape = {
        "hidden_size": tiny.hidden_size,
        "intermediate_size": 4 * tiny.hidden_size,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": tiny.heads,
    }
    # The usual 0.02 suits a width of 768; narrow layers need more to keep the size of what passes through them.
    shape["initializer_range"] = tiny.hidden_size**-0.5
    tokens |= {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id}
    text = BlipTextConfig(**shape, **tokens, encoder_hidden_size=tiny.hidden_size)
    vision = BlipVisionConfig(**shape, image_size=tiny.image_size, patch_size=tiny.patch_size)
    return BlipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
