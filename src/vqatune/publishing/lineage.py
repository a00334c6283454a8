"""The chain of versions that a version was tuned from, and the base model at its start."""

from pathlib import Path

from vqatune.errors import ModelError
from vqatune.models.checkpoint import fingerprint
from vqatune.runtime.versions import BASE, version_folders
from vqatune.training.chain_state import ChainState, read_chain_state


def find_base(models: Path) -> Path:
    """Return the folder of the base model; raises ModelError where there is none."""
    base = models / BASE
    if not base.is_dir():
        raise ModelError(f"{base} does not exist: run `dvc repro base` or `dvc pull`")
    return base


def check_base(base: Path, chain: list[ChainState]) -> None:
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


def lineage(version: str, models: Path) -> list[ChainState]:
    """Return the chain states of the versions up to and including one, without versions that are missing.

    Raises ModelError where the version itself is missing, or one is incomplete or of another base model.
    """
    folders = {name: folder for name, folder in version_folders(models).items() if name != BASE}
    if version not in folders:
        here = ", ".join(folders) or "none"
        raise ModelError(f"{models} has no version {version} (it has {here}): run `dvc repro` or `dvc pull`")
    names = list(folders)[: list(folders).index(version) + 1]
    chain = [read_chain_state(folders[name]) for name in names]
    for name, state in zip(names, chain, strict=True):
        if state.version != name:
            raise ModelError(
                f"{folders[name]}/training_state/position.json is that of {state.version}: restore {folders[name]} "
                "with `dvc checkout`"
            )
        if state.base != chain[-1].base:
            raise ModelError(
                f"{models / state.version} was tuned from another base model than {models / version}: "
                "restore both with `dvc checkout`"
            )
    return chain
