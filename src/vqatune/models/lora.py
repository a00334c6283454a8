"""LoRA with peft: a new adapter on the base model, continuing the previous version's adapter, and its files.

Every variant is saved as an adapter that stock peft loads onto the unmodified base model. PiSSA moves the principal
singular components of the base's weights into its matrices, W = R + s·B₀A₀, and trains R + s·BA. It is saved as the
difference to the base, s·(BA - B₀A₀): LoRA of twice the rank, [A; A₀] and [B, -B₀], whose halves training continues
from.

Hu et al., LoRA, 2021, https://arxiv.org/abs/2106.09685; Kalajdzievski, rsLoRA, 2023,
https://arxiv.org/abs/2312.03732; Liu et al., DoRA, 2024, https://arxiv.org/abs/2402.09353; Meng et al., PiSSA, 2024,
https://arxiv.org/abs/2404.02948.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from peft import (
    LoraConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from vqatune.errors import ModelError, ParameterError
from vqatune.models.adapter_precision import make_in_float32
from vqatune.models.family_lookup import family_of
from vqatune.models.folder_files.adapter import FILE, read_adapter
from vqatune.models.quantization import WHOLE
from vqatune.params import LoraParams
from vqatune.tables import write_json

# peft calls a deprecated function of transformers; users cannot act on the warning.
warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)

SHOWN = 200
"""Characters of a list of layers in an error."""
# One entry, because safetensors writes several in an order that changes from process to process.
_PISSA_MARK = {"variant": "pissa"}


def target_names(model: nn.Module, params: LoraParams) -> list[str]:
    """Expand `lora.target_modules` to names of a model's layers, without duplicates, in alphabetical order.

    Raises ParameterError where the model's family has no such preset, or the model no layer of it.
    """
    chosen = params.target_modules
    if not isinstance(chosen, str):
        return sorted(set(chosen))
    presets = family_of(model).PRESETS
    if chosen not in presets:
        raise ParameterError(
            f"lora.target_modules: {chosen} is no preset of this model's family, which has {', '.join(presets)}"
        )
    names = set(presets[chosen])
    patterns = {name for name in names if "*" in name}
    paths = {
        path for path in _linear_layers(model) if any(fnmatchcase(path, pattern) for pattern in patterns)
    }
    targets = sorted(names - patterns | paths)
    if not targets:
        raise ParameterError(
            f"lora.target_modules: {chosen} stands for {', '.join(sorted(names))}, which match no linear layer of this model"
        )
    return targets


def check_variant(params: LoraParams, quantization: str) -> None:
    """Raise ParameterError where an adapter of this kind cannot be trained on quantized weights."""
    if quantization == WHOLE:
        return
    if params.variant == "pissa":
        raise ParameterError(
            f"lora.variant pissa takes the base's weights apart, and compute.quantization is {quantization}: take lora, rslora or "
            "dora, or set compute.quantization to none"
        )


def new_adapter(model: nn.Module, params: LoraParams) -> PeftModel:
    """Add a new adapter to the model, which still computes what the base does.

    Args:
        model: the base model; for PiSSA, which decomposes its weights, in float32.
        params: the target layers and the variant.

    Returns:
        The model; the adapter is in float32, and the same whatever dtype the base's weights are in.

    Raises:
        ParameterError: a target is no linear layer of the model or its tied output head, or the rank is too high.
    """
    targets = _checked_targets(model, params)
    if params.variant != "pissa":
        return _trainable(make_in_float32(model, _new_config(model, params), targets))
    for name in targets:
        shape = model.get_submodule(name).weight.shape
        if params.r > min(shape):
            raise ParameterError(
                f"lora.r is {params.r}, but lora.variant pissa needs as many singular values of every target, and "
                f"{name} has {min(shape)}: lower lora.r or take another variant"
            )
    adapted = get_peft_model(model, _new_config(model, params, init="pissa"))
    start = {name: tensor.clone() for name, tensor in get_peft_model_state_dict(adapted).items()}
    return _trainable(_with_start(adapted, start))


def continue_adapter(model: nn.Module, folder: Path, params: LoraParams) -> PeftModel:
    """Load a version's adapter into the base model to continue its training.

    Args:
        model: the base model, for PiSSA in float32.
        folder: of the previous version.
        params: the LoRA parameters, which must be the same as before.

    Raises:
        ModelError: the adapter is missing or incomplete, or was made with other LoRA parameters.
    """
    wanted = params.model_dump() | {"target_modules": target_names(model, params)}
    for name, value in adapter_params(folder).items():
        same = value == wanted[name]
        if name == "target_modules":
            # peft may have shortened a long list.
            same = same or (
                isinstance(value, list) and _matching(model, value) == _matching(model, wanted[name])
            )
        if not same:
            raise ModelError(
                f"{folder} was tuned with lora.{name} = {_short(value)}, but params.yaml says {_short(wanted[name])}: "
                "run the whole chain again from v1, or put the parameter back"
            )
    if params.variant == "pissa":
        return _trainable(_continue_pissa(model, folder, params))
    return _trainable(load_adapter(model, folder, trainable=True))


def load_adapter(model: nn.Module, folder: Path, trainable: bool = False) -> PeftModel:
    """Load a version's adapter, which is in float32 whatever dtype the base model's weights are in.

    Raises ModelError where the adapter is missing or no plain LoRA, or its weights are not exactly those its configuration
    needs.
    """
    config = _config(folder)
    weights = _weights(folder)
    # peft would look it up, on the hub where it is no folder here, to compare vocabularies.
    base, config.base_model_name_or_path = config.base_model_name_or_path, None
    try:
        with safe_open(weights, "pt") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        _check_ranks(config, shapes)
        with warnings.catch_warnings():
            # peft only warns of missing keys; they are an error below.
            warnings.simplefilter("ignore")
            adapted = PeftModel.from_pretrained(
                model, folder, config=config, is_trainable=trainable, torch_device="cpu"
            )
            expected = set(get_peft_model_state_dict(adapted))
    except (SafetensorError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = _short((str(error).strip() or type(error).__name__).splitlines()[0])
        raise ModelError(
            f"{folder} does not fit its base model ({reason}): run its train stage again"
        ) from error
    config.base_model_name_or_path = base
    saved = set(shapes)
    if saved != expected:
        missing, unexpected = sorted(expected - saved), sorted(saved - expected)
        kind, names = ("lacks", missing) if missing else ("has unexpected", unexpected)
        raise ModelError(
            f"{weights} {kind} {len(names)} key(s), such as {names[0]}: run its train stage again"
        )
    return adapted


def check_adapter(folder: Path) -> None:
    """Raise ModelError where a version's adapter is missing or no plain LoRA, without its base model."""
    _config(folder)
    _weights(folder)


def adapter_params(folder: Path) -> dict:
    """Return a version's LoRA parameters, by their names in params.yaml.

    Raises ModelError where the adapter is missing or damaged.
    """
    config = _config(folder)
    variant = "dora" if config.use_dora else "rslora" if config.use_rslora else "lora"
    rank, alpha, targets = config.r, config.lora_alpha, config.target_modules
    try:
        with safe_open(_weights(folder), "pt") as file:
            if file.metadata() == _PISSA_MARK:
                variant, rank, alpha = "pissa", rank // 2, alpha / 2
    except SafetensorError as error:
        raise ModelError(f"{_weights(folder)} is damaged ({error}): run its train stage again") from error
    return {
        "variant": variant,
        "r": rank,
        "alpha": alpha,
        "dropout": config.lora_dropout,
        "bias": config.bias,
        "target_modules": targets if isinstance(targets, str) else sorted(targets),
    }


def tunes_vision(model: PeftModel) -> bool:
    """Whether what makes the image states has LoRA layers."""
    base = model.get_base_model()
    parts = (base.get_submodule(path) for path in family_of(base).PARTS.vision)
    return any(isinstance(module, BaseTunerLayer) for part in parts for module in part.modules())


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write the adapter so that stock peft loads it onto the base; equal weights give equal bytes."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    if hasattr(model, "pissa_start"):
        weights = folder / "adapter_model.safetensors"
        save_file(_joined(load_file(weights), model.pissa_start), weights, _PISSA_MARK)
        config |= {"r": 2 * config["r"], "lora_alpha": 2 * config["lora_alpha"], "init_lora_weights": True}
    # peft writes sets, whose order changes from process to process.
    ordered = {name: sorted(value) if isinstance(value, list) else value for name, value in config.items()}
    write_json(ordered, path)


def _short(value: object) -> str:
    """Return what is said of a value, which may name every layer, in a line that can be read."""
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} … ({len(text):,} characters)"


def _checked_targets(model: nn.Module, params: LoraParams) -> list[str]:
    names = target_names(model, params)
    linear = _linear_layers(model)
    unknown = [name for name in names if not _matching(model, [name])]
    if unknown:
        known = sorted({path.rsplit(".", 1)[-1] for path in linear})
        raise ParameterError(
            f"lora.target_modules: {', '.join(unknown)} is no linear layer of this model; "
            f"it has {', '.join(known)}, and the presets {', '.join(family_of(model).PRESETS)}"
        )
    embeddings = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    matching = _matching(model, names)
    for path in matching:
        if any(linear[path].weight is weight for weight in embeddings):
            name = next(name for name in names if path in _matching(model, [name]))
            raise ParameterError(
                f"lora.target_modules: {name} is the output head {path}, whose weights are the word embeddings': "
                "tuning one of the two would part them, so leave it out"
            )
    return matching


def _linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    return {path: module for path, module in model.named_modules() if isinstance(module, nn.Linear)}


def _matching(model: nn.Module, names: list[str]) -> list[str]:
    """Return the paths of the linear layers that peft matches to the names."""
    ends = tuple(f".{name}" for name in names)
    return [path for path in _linear_layers(model) if f".{path}".endswith(ends)]


def _new_config(model: nn.Module, params: LoraParams, init: bool | str = True) -> LoraConfig:
    return LoraConfig(
        r=params.r,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        bias=params.bias,
        target_modules=target_names(model, params),
        use_rslora=params.variant == "rslora",
        use_dora=params.variant == "dora",
        init_lora_weights=init,
        # Every named task type passes an argument that the model does not accept.
        task_type=None,
    )


def _continue_pissa(model: nn.Module, folder: Path, params: LoraParams) -> PeftModel:
    joined = load_adapter(model, folder)
    now, start = _halves(get_peft_model_state_dict(joined))
    plain = joined.unload()
    adapted = get_peft_model(plain, _new_config(plain, params, init=False))
    set_peft_model_state_dict(adapted, now)
    for name, down in start.items():
        if ".lora_A." not in name:
            continue
        layer = adapted.get_submodule(name.removesuffix(".lora_A.weight"))
        up = start[name.replace(".lora_A.", ".lora_B.")]
        weight = layer.get_base_layer().weight
        # In the order in which peft computes it, so that the residual has the same bits.
        weight.data = weight.data - layer.scaling["default"] * up @ down
    return _with_start(adapted, start)


def _with_start(model: PeftModel, start: dict[str, Tensor]) -> PeftModel:
    # A plain attribute, so that it is in no state dict and stays on the CPU.
    model.pissa_start = {name: tensor.cpu() for name, tensor in start.items()}
    return model


def _joined(now: dict[str, Tensor], start: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.cat([tensor, start[name]], 0)
        if ".lora_A." in name
        else torch.cat([tensor, -start[name]], 1)
        for name, tensor in now.items()
    }


def _halves(joined: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    now, start = {}, {}
    for name, tensor in joined.items():
        first, second = tensor.chunk(2, 0 if ".lora_A." in name else 1)
        now[name] = first.clone(memory_format=torch.contiguous_format)
        second = second.clone(memory_format=torch.contiguous_format)
        start[name] = second if ".lora_A." in name else -second
    return now, start


def _weights(folder: Path) -> Path:
    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        raise ModelError(f"{path} does not exist: run its version's train stage again, or `dvc pull`")
    return path


def _config(folder: Path) -> LoraConfig:
    if not (folder / FILE).exists():
        raise ModelError(f"{folder} holds no adapter: run its version's train stage first, or `dvc pull`")
    try:
        return LoraConfig(**read_adapter(folder))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{folder} holds no adapter that can be loaded ({error}): run its version's train stage again, or take another "
            "adapter"
        ) from error


def _check_ranks(config: LoraConfig, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ValueError where a rank is higher than those of the weights: peft would make weights of it."""
    own = (shape[0] for name, shape in shapes.items() if ".lora_A." in name or ".lora_embedding_A" in name)
    highest = max(own, default=0)
    for rank in (config.r, *config.rank_pattern.values()):
        if rank > highest:
            raise ValueError(f"{FILE} says rank {rank:,}, and that of its weights is {highest:,} at most")


def _trainable(model: PeftModel) -> PeftModel:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ModelError("the adapter has nothing to train: check lora.target_modules")
    return model
