"""A version's model and processor, from its adapter and the base, or from a checkpoint of its own."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from transformers import BlipForQuestionAnswering, BlipProcessor

from vqatune.errors import ModelError
from vqatune.models import lora
from vqatune.models.families.blip import fingerprint, load_model, load_processor
from vqatune.training.chain_state import read_chain_state


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
    position = read_chain_state(folder)
    weights = (base / "model.safetensors").stat()
    if position.base != _fingerprint(base.resolve(), weights.st_mtime_ns, weights.st_size):
        raise ModelError(
            f"{folder} was tuned from another base model than {base} is: restore both with `dvc checkout`"
        )


@lru_cache(maxsize=4)
def _fingerprint(base: Path, modified: int, size: int) -> str:
    # Once for all versions: a large base takes seconds.
    return fingerprint(base)


def merge_adapter(model: BlipForQuestionAnswering, adapter: Path) -> BlipForQuestionAnswering:
    """Return a base model with an adapter merged into it.

    Raises ModelError where the adapter is incomplete, does not fit, or has weights that are not finite.
    """
    with _asking_no_hub():
        adapted = lora.load_adapter(model, adapter)
    try:
        return adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(f"{adapter} holds weights that are not finite: run its train stage again") from error


def whole_processor(folder: Path) -> BlipProcessor:
    """Return the processor of a folder; raises ModelError where it is incomplete or damaged."""
    # Without these transformers makes a tokenizer that knows no word, or begins a question otherwise.
    for names in (("tokenizer.json", "vocab.txt"), ("tokenizer_config.json",)):
        if not any((folder / name).exists() for name in names):
            raise ModelError(f"{folder} lacks {names[0]}: run `dvc checkout`, or get the folder again")
    return load_processor(folder)


@contextmanager
def _asking_no_hub() -> Iterator[None]:
    """Keep peft from asking the hub for the base model, by the path that it had when the adapter was made."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Could not find a config file in")
            yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
