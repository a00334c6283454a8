"""`python -m vqatune.runtime.dvc_files dvc.lock`: check what DVC wrote last, before DVC reads it and does not say what to do.

DVC writes neither dvc.lock nor its own lock whole or not at all, so that a kill, or Ctrl-C, at that moment cuts them.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from vqatune.errors import DataError

_RWLOCK = Path(".dvc/tmp/rwlock")
"""Which process of DVC reads and writes what."""


def check_dvc_files(root: Path, locks: Sequence[str]) -> None:
    """Check the files of hashes that stages have (dvc.lock), and DVC's own lock; one that is not there is well.

    A file that was cut so that it still says something valid is well, too: DVC takes the stages that it lacks from its
    cache of runs, or runs them again.

    Raises DataError where DVC could not read one.
    """
    for name in locks:
        _check_lock(root, name)
    try:
        json.loads((root / _RWLOCK).read_bytes())
    except FileNotFoundError:
        return
    except ValueError as error:
        raise DataError(
            f"{_RWLOCK} is damaged ({error}): DVC was stopped while it wrote it. Delete it once no other `dvc` runs here"
        ) from error


def _check_lock(root: Path, name: str) -> None:
    # Of all of DVC a quarter of a second to import.
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        text = (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except ValueError as error:
        raise _unreadable(name, error) from error
    try:
        # An empty file is no lock to DVC either.
        COMPILED_LOCKFILE_SCHEMA(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (yaml.YAMLError, Invalid) as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name} is damaged ({error}): DVC was stopped while it wrote it, or a merge left a conflict. `git restore {name}` "
        "(or delete it, where git has none) and run this again: finished stages come back from DVC's cache of runs"
    )


if __name__ == "__main__":
    try:
        check_dvc_files(Path(), sys.argv[1:])
    except DataError as failure:
        sys.exit(f"error: {failure}")
