"""The chain of versions that one was tuned from, and the base model at its beginning."""

import re
from pathlib import Path

from vqatune.errors import ModelError
from vqatune.models.families.blip import fingerprint
from vqatune.training.chain_state import Position, read_chain_state


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
    chain = [read_chain_state(numbers[number]) for number in sorted(numbers) if number <= int(version[1:])]
    for number, position in zip(sorted(numbers), chain, strict=False):
        if position.version != numbers[number].name:
            folder = numbers[number]
            raise ModelError(
                f"{folder}/training_state/position.json is that of {position.version}: restore {folder} with "
                "`dvc checkout`"
            )
        if position.base != chain[-1].base:
            raise ModelError(
                f"{models / position.version} was tuned from another base model than {models / version}: "
                "restore both with `dvc checkout`"
            )
    return chain
