"""A version's state while it is trained, kept in `.work/` so that a stopped training goes on where it was.

A checkpoint is a folder with tensors and a JSON file that holds their digest; it appears whole or not at all. The
last two are kept.
"""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqatune.tables import replacing_folder, write_json

KEPT = 2


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training: everything that determines it is in the key."""

    folder: Path
    """Of this version's checkpoints, whatever they belong to."""
    key: str

    @property
    def _own(self) -> Path:
        return self.folder / self.key

    def save(self, step: int, tensors: dict[str, Tensor], record: dict) -> None:
        """Keep the state after a step: tensors, and a record that JSON can hold."""
        with replacing_folder(self._own / f"{step:09d}") as unfinished:
            path = unfinished / "state.safetensors"
            save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
            write_json({"record": record, "sha256": _sha256(path, record)}, unfinished / "record.json")
            for written in (path, unfinished / "record.json", unfinished):
                _flush(written)
        for old in self._saved()[:-KEPT]:
            shutil.rmtree(old)

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """Return tensors and record of the last checkpoint that is whole, None where there is none."""
        for folder in reversed(self._saved()):
            try:
                written = json.loads((folder / "record.json").read_text())
                if written["sha256"] == _sha256(folder / "state.safetensors", written["record"]):
                    return load_file(folder / "state.safetensors"), written["record"]
                reason = "it is not what was written"
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                reason = " ".join(str(error).split())
            print(f"checkpoint {folder} is damaged ({reason}): not used", file=sys.stderr)
        for other in sorted(self.folder.glob("*")):
            if other != self._own:
                print(
                    f"checkpoint {other} belongs to other data, parameters or base: not used; delete it if nothing is to "
                    "go on from there",
                    file=sys.stderr,
                )
        return None

    def remove(self) -> None:
        """Forget the checkpoints of this training, which has ended."""
        shutil.rmtree(self._own, ignore_errors=True)

    def _saved(self) -> list[Path]:
        # Unfinished ones have a name that starts with a dot.
        return sorted(self._own.glob("[0-9]*"))


def _sha256(path: Path, record: dict) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(record, sort_keys=True).encode())
    return digest.hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
