"""Resume checkpoints: the state of a training in progress, in `.work/`, from which a stopped training resumes.

A checkpoint is a folder with tensors and a JSON file with their digest, written atomically. The last two are kept.
"""

import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vqatune.tables import replacing_folder, write_json

_logger = logging.getLogger(__name__)

KEPT = 2


@dataclass(frozen=True)
class Checkpoints:
    """The resume checkpoints of one training; its key covers everything that determines it."""

    folder: Path
    """Of this version's checkpoints, whatever their keys."""
    key: str

    @property
    def _own(self) -> Path:
        return self.folder / self.key

    def save(self, step: int, tensors: dict[str, Tensor], record: dict) -> None:
        """Write the state after a step: tensors, and a JSON-serialisable record."""
        with replacing_folder(self._own / f"{step:09d}") as unfinished:
            path = unfinished / "state.safetensors"
            save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)
            write_json({"record": record, "sha256": _sha256(path, record)}, unfinished / "record.json")
            for written in (path, unfinished / "record.json", unfinished):
                _flush(written)
        for old in self._saved()[:-KEPT]:
            shutil.rmtree(old)

    def load(self) -> tuple[dict[str, Tensor], dict] | None:
        """Return tensors and record of the last intact checkpoint, None where there is none."""
        for folder in reversed(self._saved()):
            try:
                written = json.loads((folder / "record.json").read_text())
                if written["sha256"] == _sha256(folder / "state.safetensors", written["record"]):
                    return load_file(folder / "state.safetensors"), written["record"]
                reason = "it is not what was written"
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                reason = " ".join(str(error).split())
            _logger.warning("checkpoint %s is damaged (%s): not used", folder, reason)
        for other in sorted(self.folder.glob("*")):
            if other != self._own:
                _logger.warning(
                    "checkpoint %s belongs to other data, parameters or base: not used; delete it if nothing is to "
                    "go on from there",
                    other,
                )
        return None

    def remove(self) -> None:
        """Delete the checkpoints of this training, once it has ended."""
        shutil.rmtree(self._own, ignore_errors=True)

    def _saved(self) -> list[Path]:
        # The names of unfinished ones start with a dot.
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
