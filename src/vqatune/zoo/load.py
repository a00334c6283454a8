"""A model of the zoo as a checkpoint, or the reason why it cannot be had here."""

from pathlib import Path

import torch

from vqatune.base_model.base import make_base
from vqatune.errors import ModelError
from vqatune.inference.answering.load_version import load_whole_encoder, merge_adapter
from vqatune.models.checkpoint import load_model
from vqatune.models.weight_files import find_weights
from vqatune.params import ModelParams, Params, ZooModelParams
from vqatune.tables import replacing_folder, write_json
from vqatune.zoo.cannot_run import CANNOT_RUN, REASON, reason_of
from vqatune.zoo.memory import check_memory
from vqatune.zoo.run import zoo_model


def load_zoo_model(params: Params, name: str, texts: list[str], folder: Path) -> str | None:
    """Write a model of the zoo as a checkpoint.

    A tiny model is trained; the weights of a checkpoint stay where they are, and the folder says where and what their
    hashes are; the adapter of a version is merged into its base.

    Args:
        params: uses seed, zoo, model.tiny and compute.
        name: of the model, in zoo.models.
        texts: questions and answers of the training set, from which a tiny model's vocabulary is built.
        folder: written atomically.

    Returns:
        Why there is no checkpoint, which the folder then holds instead; None where there is one.

    Raises:
        ParameterError: zoo.models has no such name. ModelError: a version is incomplete, or a tiny model cannot be made.
    """
    model = zoo_model(params, name)
    if model.family is not None:
        zoo = params.zoo
        tiny = params.model.tiny.model_copy(
            update={"steps": zoo.tiny_steps, "learning_rate": zoo.tiny_learning_rate}
        )
        _make(params, {"source": "tiny", "family": model.family, "tiny": tiny}, texts, folder)
        return None
    if model.path is not None and (Path(model.path) / "adapter_config.json").exists():
        _merge(Path(model.path), folder)
        return None
    checkpoint = {"source": "hub", "keep": "reference", "name": model.name or model.path}
    # A folder that DVC watches is its own revision.
    checkpoint["revision"] = model.revision if model.path is None else None
    try:
        _check_memory(model)
        _make(params, checkpoint, texts, folder)
    except CANNOT_RUN as error:
        reason = reason_of(error)
        with replacing_folder(folder) as unfinished:
            write_json({"reason": reason}, unfinished / REASON)
        return reason
    return None


def _make(params: Params, model: dict[str, object], texts: list[str], folder: Path) -> None:
    chosen = ModelParams().model_copy(update={"question_token": params.model.question_token} | model)
    make_base(params.model_copy(update={"model": chosen}), texts, folder)


def _check_memory(model: ZooModelParams) -> None:
    """Raise ModelError where the weights are not to be found, or do not fit in memory as they are stored."""
    source = model.name or str(model.path)
    try:
        files = find_weights(source) if model.path else find_weights(source, revision=model.revision)
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{source} cannot be fetched: {reason}") from error
    check_memory(files, source, None, torch.device("cpu"))


def _merge(adapter: Path, folder: Path) -> None:
    merged = merge_adapter(load_model(adapter.parent / "base", None), adapter)
    encoder = load_whole_encoder(adapter)
    with replacing_folder(folder) as unfinished:
        merged.save_pretrained(unfinished)
        encoder.family.save_processor(encoder.processor, unfinished)
