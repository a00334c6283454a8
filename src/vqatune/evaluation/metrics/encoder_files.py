"""The files of a model that reads texts for the metrics, of transformers or sentence-transformers, checked before these read them."""

from pathlib import Path, PurePosixPath
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoModel

from vqatune.models.folder_files.config import FILE
from vqatune.models.folder_files.folder import check_model_files, check_processor_files
from vqatune.models.folder_files.json_files import read_json, read_object, short
from vqatune.models.folder_files.values import check_values, kinds, refused, text, whole
from vqatune.models.weight_files import ONE_FILE, find_weights, stored_numbers

_MODULES = "modules.json"
_MOST_MODULES = 16
_MOST_TIMES = 4
"""A folder may hold the half of a model that reads."""
_TRANSFORMER, _POOLING, _NORMALIZE, _DENSE = "Transformer", "Pooling", "Normalize", "Dense"
_KINDS = kinds(
    (whole(1, 2**20), "max_seq_length"),
    (whole(1, 2**17), "word_embedding_dimension in_features out_features embedding_dimension"),
    (bool, "do_lower_case bias normalize include_prompt"),
    (Literal["text", "feature-extraction"], "transformer_task"),
    (text(100), "pooling_mode"),
)
_ATTENTION = ("eager", "sdpa")
"""Code of transformers itself; other names stand for packages, or for code on the hub."""


def check_encoder_files(folder: Path) -> None:
    """Check a folder's files, with weights in safetensors and without code of their own.

    Raises ValueError where a file is damaged, or says what no such model has, and OSError where one is missing.
    """
    modules = _read_modules(folder)
    if not modules:
        _check_transformer(folder)
    for kind, place in modules:
        if kind == _TRANSFORMER:
            _check_transformer(place)
            continue
        settings = place / FILE
        if settings.is_file():
            check_values(read_object(settings), _KINDS, f"{place.name}/{FILE} says ")
        if kind == _DENSE:
            _check_dense(place)


def _read_modules(folder: Path) -> list[tuple[str, Path]]:
    """Return the kind and the folder of each module of sentence-transformers, none where it is a model of transformers."""
    path = folder / _MODULES
    if not path.is_file():
        return []
    modules = read_json(path)
    if not isinstance(modules, list) or not 0 < len(modules) <= _MOST_MODULES:
        raise ValueError(f"{_MODULES} holds no list of 1 to {_MOST_MODULES} modules")
    found = []
    for module in modules:
        kind, place = (module.get("type"), module.get("path")) if isinstance(module, dict) else (None, None)
        package, _, name = kind.rpartition(".") if isinstance(kind, str) else ("", "", "")
        if name not in (_TRANSFORMER, _POOLING, _NORMALIZE, _DENSE) or not (
            package.startswith("sentence_transformers.") and package.replace(".", "_").isidentifier()
        ):
            raise ValueError(
                f"{_MODULES} names {short(kind)}, which is no module of sentence-transformers that is read here"
            )
        if not isinstance(place, str) or PurePosixPath(place).is_absolute() or ".." in place or "\\" in place:
            raise ValueError(f"{_MODULES} names {short(place)}, which is no folder beside it")
        found.append((name, folder / place))
    return found


def _check_transformer(folder: Path) -> None:
    if not (folder / FILE).is_file():
        raise FileNotFoundError(f"it has no {FILE}")
    check_model_files(folder)
    check_processor_files(folder)
    for name in (FILE, "tokenizer_config.json"):
        if (folder / name).is_file():
            _check_no_code(read_object(folder / name), f"{name} says ")
    for path in folder.glob("sentence_*_config.json"):
        settings = read_object(path)
        check_values(settings, _KINDS, f"{path.name} says ")
        _check_no_code(settings, f"{path.name} says ")
        for name, value in settings.items():
            # Arguments of transformers' own functions, which may name any file and any code.
            if name.endswith(("_args", "_kwargs")) and value:
                raise refused(f"{path.name} says ", name, value, "a model is loaded in one way")
    _check_size(folder)


def _check_size(folder: Path) -> None:
    """Raise ValueError where the model that config.json describes is much larger than its weights: it would be made."""
    files = find_weights(folder)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    with torch.device("meta"):
        empty = AutoModel.from_config(config, trust_remote_code=False)
    described, stored = sum(weight.numel() for weight in empty.parameters()), stored_numbers(files)
    if described > _MOST_TIMES * stored + 2**20:
        raise ValueError(f"{FILE} describes a model of {described:,} weights, and its files hold {stored:,}")


def _check_no_code(values: dict[str, Any], where: str) -> None:
    for name, value in values.items():
        if name == "auto_map" and value:
            raise refused(where, name, value, "it names code that the folder or the hub holds")
        if name.endswith("_implementation") and value not in (None, *_ATTENTION):
            raise refused(where, name, value, f"it is none of {', '.join(_ATTENTION)}")
        if isinstance(value, dict):
            _check_no_code(value, f"{where}{name}.")


def _check_dense(folder: Path) -> None:
    settings = read_object(folder / FILE)
    function = settings.get("activation_function", "")
    if not isinstance(function, str) or not function.startswith("torch.nn.modules."):
        raise refused(
            f"{folder.name}/{FILE} says ", "activation_function", function, "it is none of torch.nn.modules"
        )
    if not (folder / ONE_FILE).is_file():
        raise FileNotFoundError(f"{folder.name} has no {ONE_FILE}")
