"""A version's predictions by name: of this checkout (`v7`), or of a commit or experiment (`exp-abc12:v13`)."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.scoring.evaluation_set import EvaluatedPart, EvaluationSet, read_evaluation_set
from vqatune.params.versions import predicting_stage
from vqatune.tables import PAIRS, PREDICTIONS, read_table, table_columns

_TABLES = ("data/train.parquet", "data/sampled.parquet")
"""The tables that slices come from, beside the set's own."""


def runs_of(name: str) -> list[str]:
    """Return the runs that a name stands for: exp-a,exp-b:v13 are exp-a:v13 and exp-b:v13; any other name is one run."""
    revisions, colon, version = name.rpartition(":")
    if not colon or "," not in revisions:
        return [name]
    return [f"{revision.strip()}:{version}" for revision in revisions.split(",")]


def read_version(name: str, root: Path, part: EvaluatedPart = "test") -> tuple[pd.DataFrame, EvaluationSet]:
    """Return a version's predictions (tables.PREDICTIONS) for the test or the validation set, and that set.

    Args:
        name: a version or blind, after the name of a git revision or a DVC experiment and a colon where it is not this
            checkout's.
        root: the repository.
        part: which set.

    Raises:
        DataError: there is no such version or revision, or its data are neither here nor in a remote.
    """
    revision, colon, version = name.rpartition(":")
    if not re.fullmatch(r"blind|base|v[0-9]+", version) or (colon and not revision):
        raise DataError(f"{name!r} names no version: give blind, base, v1 … v13, or REVISION:v13")
    path = _predictions(version, part)
    if not revision:
        if not (root / path).exists():
            raise DataError(
                f"{path} does not exist: run `dvc repro {predicting_stage(version)}` or `dvc pull`"
            )
        return _read(root, path, part)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(revision, version, [path, _pairs(part), *_TABLES], root, Path(folder))
        try:
            return _read(Path(folder), path, part)
        except DataError as error:
            raise DataError(f"at {revision}, {str(error).removeprefix(f'{folder}/')}") from error


def read_pairs(name: str, root: Path, part: EvaluatedPart = "test") -> pd.DataFrame:
    """Return the pairs (tables.PAIRS) that a version, named as in `read_version`, answered; raises as that does."""
    revision, _, version = name.rpartition(":")
    if not revision:
        return read_evaluation_set(root, part).pairs
    with tempfile.TemporaryDirectory() as folder:
        _fetch(revision, version, [_pairs(part)], root, Path(folder))
        return read_table(Path(folder) / _pairs(part), PAIRS)


def _predictions(version: str, part: EvaluatedPart) -> str:
    folder = "data/predictions" if part == "test" else f"data/predictions/{part}"
    return f"{folder}/{version}.parquet"


def _pairs(part: EvaluatedPart) -> str:
    return f"data/{part}.parquet"


def _read(root: Path, predictions: str, part: EvaluatedPart) -> tuple[pd.DataFrame, EvaluationSet]:
    path = root / predictions
    if "grounding" in table_columns(path):
        table = read_table(path, PREDICTIONS)
    else:
        # As versions were predicted before it was measured.
        columns = [name for name in PREDICTIONS.names if name != "grounding"]
        table = read_table(path, PREDICTIONS, columns).assign(grounding=np.nan)
    return table, read_evaluation_set(root, part)


def _fetch(revision: str, version: str, paths: list[str], root: Path, folder: Path) -> None:
    """Copy files of a version that DVC tracks at a revision into a folder, from the cache or a remote."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    try:
        files = DVCFileSystem(str(root), rev=revision, subrepos=True)
        # At a revision its paths start at git's root, which may be above the project.
        place = root.resolve().relative_to(Path(files.repo.scm.root_dir).resolve())
        for path in paths:
            # Not exists(), for which a revision that does not exist is no error.
            there = (place / path).as_posix()
            try:
                kind = files.info(there)["type"]
            except FileNotFoundError as error:
                raise DataError(f"{revision} has no {path}: name a version that was made there") from error
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            # A table of parts is a folder.
            files.get(there, str(folder / path), recursive=kind == "directory")
    except SCMError as error:
        if "ambiguous" in str(error):
            raise DataError(
                f"{revision!r} names several experiments or commits: give a hash instead, see "
                "`dvc exp list --all-commits` or `git log`"
            ) from error
        raise DataError(
            f"{revision!r} is no revision or experiment of a git repository here: see `git log` or `dvc exp show`"
        ) from error
    except (DvcException, OSError) as error:
        reason = " ".join(str(error).split())
        wanted = " ".join([_predictions(version, "test"), _pairs("test"), *_TABLES])
        raise DataError(
            f"{path} of {revision} is neither in DVC's cache nor in a remote that can be reached ({reason}): run "
            f"`dvc fetch --all-commits {wanted}`, or `dvc exp pull` for an experiment; if nobody has pushed it, run "
            f"`dvc repro {predicting_stage(version)}` at that commit"
        ) from error
