"""LoRA by peft: a first adapter on the base model, the next version's adapter from the last, and its files.

Hu et al., LoRA, 2021, https://arxiv.org/abs/2106.09685.
"""

import json
import warnings
from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from vqatune.errors import ModelError, ParameterError
from vqatune.params import LoraParams
from vqatune.tables import write_json

# peft asks transformers in a way that transformers is about to drop; a user can do nothing about it.
warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)


def new_adapter(model: nn.Module, params: LoraParams) -> PeftModel:
    """Put a fresh adapter into the model (its B matrices are zero, so that answers are still the base's).

    Raises ParameterError where a target module does not exist in the model.
    """
    linear = {
        name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    unknown = [name for name in params.target_modules if name.rsplit(".", 1)[-1] not in linear]
    if unknown:
        raise ParameterError(
            f"lora.target_modules: {', '.join(unknown)} is no linear layer of this model; "
            f"it has {', '.join(sorted(linear))}"
        )
    config = LoraConfig(
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        bias=params.bias,
        target_modules=list(params.target_modules),
        # Every named task type hands the model an argument that it refuses.
        task_type=None,
    )
    return _trainable(get_peft_model(model, config))


def continue_adapter(model: nn.Module, folder: Path, params: LoraParams) -> PeftModel:
    """Put a version's adapter into the base model, to be trained on.

    Raises ModelError where the adapter is missing or incomplete, or was made with other LoRA parameters.
    """
    config = _config(folder)
    made_with = {
        "r": config.r,
        "alpha": config.lora_alpha,
        "dropout": config.lora_dropout,
        "bias": config.bias,
        "target_modules": sorted(config.target_modules),
    }
    for name, value in made_with.items():
        wanted = getattr(params, name)
        wanted = sorted(set(wanted)) if name == "target_modules" else wanted
        if value != wanted:
            raise ModelError(
                f"{folder} was tuned with lora.{name} = {value}, but params.yaml says {wanted}: "
                "run the whole chain again from v1, or put the parameter back"
            )
    return _trainable(load_adapter(model, folder, trainable=True))


def load_adapter(model: nn.Module, folder: Path, trainable: bool = False) -> PeftModel:
    """Put a version's adapter into the base model.

    Raises ModelError where the adapter is missing, or its weights are not exactly those its configuration needs.
    """
    _config(folder)
    weights = folder / "adapter_model.safetensors"
    if not weights.exists():
        raise ModelError(f"{weights} does not exist: run its version's train stage again, or `dvc pull`")
    try:
        saved = set(load_file(weights))
        with warnings.catch_warnings():
            # peft only warns of missing keys; they are an error below.
            warnings.simplefilter("ignore")
            adapted = PeftModel.from_pretrained(model, folder, is_trainable=trainable, torch_device="cpu")
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{folder} does not fit its base model ({reason}): run its train stage again"
        ) from error
    expected = set(get_peft_model_state_dict(adapted))
    if saved != expected:
        missing, unexpected = sorted(expected - saved), sorted(saved - expected)
        kind, names = ("lacks", missing) if missing else ("has unexpected", unexpected)
        raise ModelError(
            f"{weights} {kind} {len(names)} key(s), such as {names[0]}: run its train stage again"
        )
    return adapted


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write the adapter so that stock peft loads it, the same bytes for the same weights."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # peft writes sets, whose order changes from process to process.
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    ordered = {name: sorted(value) if isinstance(value, list) else value for name, value in config.items()}
    write_json(ordered, path)


def _config(folder: Path) -> LoraConfig:
    if not (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder} holds no adapter: run its version's train stage first, or `dvc pull`")
    try:
        return PeftConfig.from_pretrained(folder)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{folder}/adapter_config.json is damaged ({error}): run its version's train stage again"
        ) from error


def _trainable(model: PeftModel) -> PeftModel:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError("the adapter has nothing to train: check lora.target_modules")
    return model
