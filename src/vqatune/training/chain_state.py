"""The state that a version passes to the next beside its adapter: optimizer state and chain state.

It is stored in `training_state/` as safetensors and JSON: no executable code, and equal states give equal bytes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vqatune.errors import ModelError
from vqatune.models.folder_files.json_files import read_object
from vqatune.tables import write_json


@dataclass(frozen=True)
class ChainState:
    """The state of the chain of versions after one of them."""

    version: str
    base: str
    """Fingerprint of the base checkpoint."""
    step: int
    """Optimizer steps since the start of v1."""
    pairs_seen: int
    """Pairs trained on since the start of v1."""


def save_state(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW, state: ChainState) -> None:
    """Write the optimizer's state, by the names of the model's parameters, and the chain state."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}/{key}": value.detach().cpu().contiguous()
        for name, parameter in _trainable(model).items()
        for key, value in optimizer.state[parameter].items()
    }
    save_file(tensors, folder / "optimizer.safetensors")
    write_json(asdict(state), folder / "position.json")


def read_chain_state(folder: Path) -> ChainState:
    """Return the chain state of a version.

    Args:
        folder: of the version, such as models/v7.

    Raises ModelError where its file is missing or damaged.
    """
    path = folder / "training_state" / "position.json"
    try:
        return ChainState(**read_object(path))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} is missing or damaged: run its version's train stage again, or `dvc pull`"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} is damaged ({error}): run its version's train stage again, or `dvc pull`"
        ) from error


def check_base(version: Path, base: str) -> None:
    """Raise ModelError where a version was tuned from another base model than the one with this fingerprint, or lacks its state."""
    if read_chain_state(version).base != base:
        raise ModelError(
            f"{version} was tuned from another base model than models/base now is: "
            "run the whole chain again from v1, or restore the base with `dvc checkout`"
        )


def load_state(version: Path, model: nn.Module, optimizer: torch.optim.AdamW | None) -> ChainState:
    """Load the previous version's optimizer state into the optimizer, if there is one, and return its chain state.

    Raises ModelError where a file is missing or damaged, or the state does not match the trained parameters.
    """
    again, folder = "run its train stage again", version / "training_state"
    state = read_chain_state(version)
    try:
        tensors = load_file(folder / "optimizer.safetensors")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{folder} is incomplete ({error}): {again}") from error
    if optimizer is None:
        return state
    parameters = _trainable(model)
    states: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        name, entry = key.rsplit("/", 1)
        states.setdefault(name, {})[entry] = value
    if set(states) != set(parameters):
        strange = min(set(states) ^ set(parameters))
        raise ModelError(f"{folder} is not the optimizer's state of this adapter (see {strange}): {again}")
    for name, parameter in parameters.items():
        shapes = {entry: value.shape for entry, value in states[name].items()}
        if shapes != {"step": torch.Size([]), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}:
            raise ModelError(f"{folder} holds a state of another shape than {name}: {again}")
        # AdamW keeps its step count on the CPU and its moments on the parameter's device.
        optimizer.state[parameter] = {
            entry: value if entry == "step" else value.to(parameter.device)
            for entry, value in states[name].items()
        }
    return state


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
