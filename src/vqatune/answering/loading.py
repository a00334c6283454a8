"""A version's model and processor, from its adapter and the base, or from a checkpoint of its own."""

import json
from functools import lru_cache
from pathlib import Path

from transformers import BlipForQuestionAnswering, BlipProcessor

from vqatune.errors import ModelError
from vqatune.models.checkpoint import fingerprint, load_model
from vqatune.models.export import merge_adapter, whole_processor
from vqatune.training.state import Position


def load_version(folder: Path, base: Path | None = None) -> tuple[BlipForQuestionAnswering, BlipProcessor]:
    """Return a version with its adapter merged in, in float32, and its processor.

    Args:
        folder: an adapter (models/v13), or a whole checkpoint: the base (models/base), or a merged export.
        base: the checkpoint that the adapter is for; None for the folder `base` beside it.

    Raises:
        ModelError: there is no model in the folder, it is incomplete, or adapter and base do not belong together (an
            adapter without training_state/position.json is only known to fit in shape).
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} does not exist: run `dvc repro` or `dvc pull`, or name another folder")
    if not (folder / "adapter_config.json").exists():
        if not (folder / "config.json").exists():
            raise ModelError(
                f"{folder} holds neither an adapter nor a model: name a folder such as models/v13"
            )
        if base is not None:
            raise ModelError(f"{folder} is a whole model: it takes no base")
        return load_model(folder), whole_processor(folder)
    base = folder.parent / "base" if base is None else base
    if not base.is_dir():
        raise ModelError(
            f"{base}, the base model of the adapter {folder}, does not exist: run `dvc repro base` or `dvc pull`, "
            "or say where it is"
        )
    if not (base / "config.json").exists():
        raise ModelError(
            f"{base}, the base model of the adapter {folder}, lacks config.json: run `dvc checkout`"
        )
    model = load_model(base)
    _check_same_base(folder, base)
    return merge_adapter(model, folder), whole_processor(folder)


def _check_same_base(folder: Path, base: Path) -> None:
    path = folder / "training_state" / "position.json"
    if not path.exists():
        return
    try:
        position = Position(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} is damaged ({error}): run its version's train stage again, or `dvc pull`"
        ) from error
    weights = (base / "model.safetensors").stat()
    if position.base != _fingerprint(base.resolve(), weights.st_mtime_ns, weights.st_size):
        raise ModelError(
            f"{folder} was tuned from another base model than {base} is: restore both with `dvc checkout`"
        )


@lru_cache(maxsize=4)
def _fingerprint(base: Path, modified: int, size: int) -> str:
    # Once for all versions: a large base takes seconds.
    return fingerprint(base)
