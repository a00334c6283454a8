"""The chain of versions."""

from vqatune.params.section import Section

BASE = "base"
"""The base model's name among the versions."""
BLIND = "blind"
"""The name of the blind guess, which is evaluated as a version is."""


class VersionParams(Section):
    """A version of the chain."""

    previous: str
    """The version that it is tuned from: the one before it, or base."""
    batch: str
    """The number of its master batch, as in data/batches/."""


def chain(count: int) -> dict[str, VersionParams]:
    """Return versions 1 to `count`, each tuned from the one before it, v1 from base."""
    names = [BASE, *(f"v{number}" for number in range(1, count + 1))]
    return {
        names[number]: VersionParams(previous=names[number - 1], batch=f"{number:02d}")
        for number in range(1, count + 1)
    }


def predicting_stage(name: str) -> str:
    """Return the stage that makes the predictions of a version or of the blind guess."""
    return BLIND if name == BLIND else f"predict@{name}"


def check_chain(versions: dict[str, VersionParams]) -> dict[str, VersionParams]:
    """Return the versions in order, of which there may be none; raises ValueError where they are no chain from base."""
    # By number, because what writes YAML may sort its keys.
    names = sorted(versions, key=lambda name: (len(name), name))
    for name, (expected, version) in zip(names, chain(len(versions)).items(), strict=True):
        if (name, versions[name]) != (expected, version):
            raise ValueError(
                f"{name} stands where the chain goes on with {expected}: "
                f'{{previous: {version.previous}, batch: "{version.batch}"}}'
            )
    return {name: versions[name] for name in names}
