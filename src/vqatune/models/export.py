"""A version as a checkpoint of its own: the adapter merged into the base model, with a card that says what it is."""

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import BlipForQuestionAnswering, BlipProcessor

from vqatune.errors import DataError, ModelError
from vqatune.models import lora
from vqatune.models.checkpoint import fingerprint, load_model, load_processor, save_processor
from vqatune.report.card import model_card
from vqatune.tables import replacing_folder
from vqatune.training.state import Position


def export_merged(version: str, folder: Path, root: Path = Path()) -> None:
    """Write a version, merged into its base model, as a checkpoint that stock transformers loads.

    Args:
        version: its name, such as v13.
        folder: new or empty; gets the model, its processor and the card README.md, all of it or nothing.
        root: the repository, whose models, metrics and data are read.

    Raises:
        ModelError: there is no such version or no base model, or they do not belong together.
        DataError: the folder is taken or cannot be written, or a table that the card is made from is damaged.
        ParameterError: params.yaml is needed for the card, and is not valid.
    """
    adapter = root / "models" / version
    chain = lineage(version, root / "models")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not an empty folder: name another one")
    base = find_base(root / "models")
    model = load_model(base)
    check_base(base, chain)
    processor = whole_processor(adapter)
    card = model_card(chain, lora.made_with(adapter), root)
    merged = merge_adapter(model, adapter)
    try:
        with replacing_folder(folder) as unfinished:
            merged.save_pretrained(unfinished)
            save_processor(processor, unfinished)
            (unfinished / "README.md").write_text(card, encoding="utf-8")
            # safetensors leaves weights that nobody but their owner may read.
            (unfinished / "model.safetensors").chmod(0o644)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{folder} cannot be written ({error}): name a place with room for it") from error


def find_base(models: Path) -> Path:
    """Return the folder of the base model; raises ModelError where there is none."""
    base = models / "base"
    if not base.is_dir():
        raise ModelError(f"{base} does not exist: run `dvc repro base` or `dvc pull`")
    return base


def check_base(base: Path, chain: list[Position]) -> None:
    """Raise ModelError where a folder is not the base model that the versions of a chain were tuned from."""
    try:
        found = fingerprint(base)
    except (OSError, ValueError) as error:
        raise ModelError(f"{base} is incomplete ({error}): run `dvc repro base` or `dvc pull`") from error
    if found != chain[-1].base:
        raise ModelError(
            f"{base.parent / chain[-1].version} was tuned from another base model than {base} now is: restore both with "
            "`dvc checkout`"
        )


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


def lineage(version: str, models: Path) -> list[Position]:
    """Return where the chain stood after each version up to one, that one last; versions not here are left out.

    Raises ModelError where the version itself is not here, or one is incomplete or of another base model.
    """
    numbers = {
        int(path.name[1:]): path for path in models.glob("v*") if re.fullmatch(r"v[1-9]\d*", path.name)
    }
    if version not in {path.name for path in numbers.values()}:
        here = ", ".join(numbers[number].name for number in sorted(numbers)) or "none"
        raise ModelError(f"{models} has no version {version} (it has {here}): run `dvc repro` or `dvc pull`")
    chain = [_position(numbers[number]) for number in sorted(numbers) if number <= int(version[1:])]
    for position in chain:
        if position.base != chain[-1].base:
            raise ModelError(
                f"{models / position.version} was tuned from another base model than {models / version}: "
                "restore both with `dvc checkout`"
            )
    return chain


def _position(folder: Path) -> Position:
    path = folder / "training_state" / "position.json"
    try:
        position = Position(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} is missing or damaged ({error}): run its version's train stage again, or `dvc pull`"
        ) from error
    if position.version != folder.name:
        raise ModelError(f"{path} is that of {position.version}: restore {folder} with `dvc checkout`")
    return position
