"""The base model, which v1 starts from: the showroom's, a tiny model trained here, a hub checkpoint, or random weights."""

from pathlib import Path

from vqatune.base_model.showroom_model import FOLDER as SHOWROOM
from vqatune.base_model.tiny import make_tiny
from vqatune.errors import ParameterError
from vqatune.models.device import start
from vqatune.models.family import TilingFamily
from vqatune.models.family_lookup import family_named, model_type
from vqatune.models.reference import leave_out_weights, write_reference
from vqatune.params import Params
from vqatune.tables import replacing_folder


def make_base(params: Params, texts: list[str], folder: Path) -> None:
    """Write the base checkpoint of `model.source`; finished weights keep the dtype that they are stored in.

    With model.keep `reference` their place and hashes are written instead.

    Args:
        params: uses seed, model and compute.
        texts: questions and answers of the training set, from which a new tokenizer's vocabulary is built.
        folder: written atomically.

    Raises:
        ModelError: the hub checkpoint is missing, incomplete or not for visual question answering.
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
            family = family_named(model_type(params.model.name, revision=revision))
            model = family.load_model(params.model.name, None, revision=revision)
            processor = family.load_processor(params.model.name, revision=revision)
        elif params.model.source == "showroom":
            family = family_named(params.model.family)
            model, processor = family.load_model(SHOWROOM, None), family.load_processor(SHOWROOM)
        else:
            family, tiny = family_named(params.model.family), params.model.tiny
            if params.model.source == "random":
                model, processor = family.make_untrained(texts, tiny.vocabulary, None)
            else:
                model, processor = make_tiny(params.model.family, texts, tiny, params.seed, device)
        if isinstance(family, TilingFamily):
            family.split_images(processor, params.model.image_splitting)
        elif params.model.image_splitting:
            raise ParameterError(
                "model.image_splitting: this model does not cut images into tiles; set it to false"
            )
        if params.model.keep == "reference":
            leave_out_weights(model)
            write_reference(params.model.name, params.model.revision, unfinished, folder)
        family.save_checkpoint(model, processor, unfinished, params.model.question_token)
