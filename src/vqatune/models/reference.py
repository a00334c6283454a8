"""A base model without its weights: `weights.json` beside its configuration names the checkpoint that has them.

The checkpoint is pinned: by its commit on the hub, and by the size and SHA-256 of each of its files, which stay in the
hub's cache, or in the folder that model.name is. A relative folder is kept relative to the base model's, as a link is, so
that a repository may be cloned elsewhere together with it; an absolute one stays absolute.
"""

import contextlib
import hashlib
import os
import shutil
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from torch import nn

from vqatune.errors import ModelError
from vqatune.models.folder_files.json_files import read_object, short
from vqatune.models.weight_files import INDEX, ONE_FILE, find_file, find_weights
from vqatune.runtime.fingerprints import make_key
from vqatune.tables import replacing, write_json

FILE = "weights.json"


@dataclass(frozen=True)
class File:
    """A file of weights as it was when it was referred to."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Reference:
    """What `weights.json` says."""

    folder: Path
    """That it lies in."""
    name: str
    """The checkpoint's on the hub, or its folder."""
    revision: str | None
    """The commit on the hub; None of a folder."""
    files: dict[str, File]


def write_reference(name: str, revision: str | None, unfinished: Path, folder: Path) -> None:
    """Write `weights.json` for a checkpoint.

    Args:
        name: its folder, or its name on the hub.
        revision: on the hub; a branch or tag is kept as the commit that it now is.
        unfinished: the folder to write into.
        folder: the one that takes its place, to which a relative `name` is kept relative.

    Raises OSError or ValueError where files of the checkpoint are missing.
    """
    here = Path(name).exists()
    files = find_weights(name) if here else find_weights(name, revision=revision)
    if here:
        place = name if Path(name).is_absolute() else os.path.relpath(name, folder)
        reference = {"name": place, "revision": None}
    else:
        # In its cache huggingface_hub names a folder by the commit.
        reference = {"name": name, "revision": files[0].parent.name}
    described = {path.name: asdict(File(path.stat().st_size, _sha256(path, folder))) for path in files}
    write_json(reference | {"files": described}, unfinished / FILE)


def leave_out_weights(model: nn.Module) -> None:
    """Have `save_pretrained` write everything but the weights of a model."""
    model._keys_to_ignore_on_save = list(model.state_dict())


def read_reference(folder: str | Path) -> Reference | None:
    """Return what a folder refers to, None where it holds its weights itself; raises ModelError where that is damaged."""
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        written = read_object(path)
        files = {name: File(**file) for name, file in written["files"].items()}
        texts = [written["name"], *([] if written["revision"] is None else [written["revision"]])]
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError(f"it names {short(texts)}")
        return Reference(Path(folder), written["name"], written["revision"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is damaged ({error}): run `dvc checkout` or `dvc repro -f base`") from error


def find_referenced(reference: Reference) -> list[Path]:
    """Return the files of weights that are referred to, fetched from the hub where they are not here.

    Raises ModelError where one is missing, or is not what it was.
    """
    name, revision = reference.name, reference.revision
    what = f"{reference.folder} refers to the weights of {name}"
    try:
        if revision is None:
            name = os.path.normpath(reference.folder.absolute() / name)
            files = find_weights(name)
        else:
            what = f"{what} at revision {revision}"
            files = _cached(name, revision, list(reference.files))
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        advice = f"put the checkpoint into {name}" if revision is None else "go online once, to fetch it"
        raise ModelError(f"{what}, which cannot be found ({reason}): {advice}") from error
    if revision is None:
        advice = "put back what it was, or run `dvc repro -f base` to take what it is now, and with it all versions anew"
    else:
        # The snapshot only links to what lies beside it.
        advice = f"delete {files[0].parents[2]}, to have it fetched again"
    if {path.name for path in files} != reference.files.keys():
        raise ModelError(
            f"{what}, whose files are others than {', '.join(sorted(reference.files))}: {advice}"
        )
    for path in files:
        expected = reference.files[path.name]
        if path.stat().st_size != expected.bytes or _sha256(path, reference.folder) != expected.sha256:
            raise ModelError(f"{what}, but {path} is not the file that it was: {advice}")
    return files


def _cached(name: str, revision: str, names: list[str]) -> list[Path]:
    # By their names, which asks the hub for nothing once they are here.
    wanted = names if ONE_FILE in names else [*names, INDEX]
    found = {each: find_file(name, each, revision=revision) for each in wanted}
    missing = [each for each in wanted if found[each] is None]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is missing")
    return [path for each, path in found.items() if path is not None and each in names]


def copy_checkpoint(folder: Path, target: Path) -> None:
    """Copy a base model with its weights, wherever they are; raises ModelError as `find_referenced`."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(FILE))
    reference = read_reference(folder)
    if reference is None:
        return
    files = find_referenced(reference)
    if files[0].name != ONE_FILE:
        files.append(files[0].parent / INDEX)
    for path in files:
        shutil.copyfile(path, target / path.name)


def _sha256(path: Path, folder: Path) -> str:
    """Return the SHA-256 of a file that `folder`, models/base in a repository, refers to.

    It is remembered in `.work` of the repository, where there is one: 14 GB take a minute, in each of some 26 stages.
    """
    path = path.resolve()
    stat = path.stat()
    # Whatever writes to a file changes its ctime.
    state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    work = folder.absolute().parent.parent / ".work"
    kept = work / "sha256" / make_key(path=str(path), state=state)
    if kept.is_file():
        return kept.read_text()
    digest = _hashed(path, state)
    if work.is_dir():
        # The repository may be another's, to read only.
        with contextlib.suppress(OSError), replacing(kept) as temporary:
            temporary.write_text(digest)
    return digest


@lru_cache(maxsize=256)
def _hashed(path: Path, state: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
