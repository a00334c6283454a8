"""Which stages `dvc repro` has to run, by what dvc.lock says of their last run, in a fraction of a second.

DVC itself (`dvc status`) takes as long as `dvc repro` with nothing to do. It decides in the end: this is what a user
is told before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

_HASHED = 16_000_000
"""Bytes of what a user has beside the repository up to which it is hashed; of more only the size is compared."""
_IGNORED = {"__pycache__", ".pytest_cache", ".ruff_cache", ".gitignore", ".DS_Store"}
"""Names that .dvcignore lists."""


def stage_names(root: Path, parameters: Mapping[str, Any]) -> list[str]:
    """Return the names of all stages of dvc.yaml, as in train@v7, in its order.

    parameters: the content of params.yaml, which has the lists that stages are repeated for.
    """
    names = []
    for name, stage in _read_yaml(root / "dvc.yaml")["stages"].items():
        if "foreach" in stage:
            names += [f"{name}@{key}" for key in parameters[stage["foreach"].strip("${}")]]
        else:
            names.append(name)
    return names


def outdated_stages(root: Path, parameters: Mapping[str, Any]) -> list[str]:
    """Return the names of the stages that have no run in dvc.lock, or one of other code, parameters or files.

    With a stage are all that read what it writes. Those that DVC finds to have written the same as before run less, and
    those that DVC has in its cache of runs do not run: the list is the longest that it can be.
    """
    names = stage_names(root, parameters)
    path = root / "dvc.lock"
    locked = (_read_yaml(path) or {}).get("stages", {}) if path.exists() else {}
    written = [out["path"] for name in names for out in locked.get(name, {}).get("outs", [])]
    found = {name for name in names if name not in locked}
    seen: dict[str, bool] = {}
    for name in names:
        stage = locked.get(name, {})
        # What other stages write is as it was, unless they run.
        read = [each for each in stage.get("deps", []) if not _touches(each["path"], written)]
        for entry in read:
            if entry["path"] not in seen:
                seen[entry["path"]] = _differs(root, entry)
        if (
            any(seen[entry["path"]] for entry in read)
            or any(not _is_there(root, out) for out in stage.get("outs", []))
            or _differing(stage.get("params", {}).get("params.yaml", {}), parameters)
        ):
            found.add(name)
    return [name for name in names if name in _with_readers(found, locked)]


def _read_yaml(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)


def _differing(recorded: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    for name, value in recorded.items():
        now: Any = parameters
        for key in name.split("."):
            now = now.get(key) if isinstance(now, dict) else None
        if now != value:
            return True
    return False


def _touches(path: str, others: Iterable[str]) -> bool:
    """Whether a path is one of the others, lies in one of them, or has one of them in it."""
    return any(f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/") for other in others)


def _with_readers(found: set[str], locked: Mapping[str, Any]) -> set[str]:
    """Return the stages with all that read, directly or through others, what they write."""
    # A stage without a record reads and writes nothing that is known.
    reads = {name: [each["path"] for each in stage.get("deps", [])] for name, stage in locked.items()}
    waiting, found = list(found), set(found)
    while waiting:
        outs = [out["path"] for out in locked.get(waiting.pop(), {}).get("outs", [])]
        for name, paths in reads.items():
            if name not in found and any(_touches(path, outs) for path in paths):
                found.add(name)
                waiting.append(name)
    return found


def _is_there(root: Path, out: Mapping[str, Any]) -> bool:
    """Whether an output is in its place or in DVC's cache, from which it is checked out."""
    digest = out.get("md5", "")
    return (root / out["path"]).exists() or (
        root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    ).is_file()


def _differs(root: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a file or folder is another than DVC has recorded, by its size and, where it is small, its hash."""
    path = root / entry["path"]
    try:
        files = _files(path)
        size = sum(file.stat().st_size for file in files.values())
        if size != entry.get("size", size):
            return True
        return size <= _HASHED and _digest(path, files) != entry.get("md5")
    except OSError:
        return True


def _files(path: Path) -> dict[str, Path]:
    """Return the file of a path, or those of a folder, by their paths below it, sorted as DVC does."""
    if not path.is_dir():
        return {path.name: path}
    below = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    named = {
        place.as_posix(): file for place, file in below.items() if not _IGNORED.intersection(place.parts)
    }
    # By the whole text: model.py comes before model/weights.
    return {name: named[name] for name in sorted(named)}


def _digest(path: Path, files: Mapping[str, Path]) -> str:
    """Return DVC's hash of a file, or of a folder, which is that of the list of its files' hashes."""
    digests = {name: hashlib.md5(file.read_bytes(), usedforsecurity=False) for name, file in files.items()}
    if not path.is_dir():
        return digests[path.name].hexdigest()
    listed = [{"md5": digest.hexdigest(), "relpath": name} for name, digest in digests.items()]
    return hashlib.md5(json.dumps(listed).encode(), usedforsecurity=False).hexdigest() + ".dir"
