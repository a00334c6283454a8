"""Profiles: sets of parameters for a purpose, written into params.yaml with its comments kept."""

from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from vqatune.errors import ParameterError
from vqatune.params import check_params
from vqatune.tables import replacing


def apply_profile(name: str, profiles: Path, params: Path) -> list[str]:
    """Set the parameters of `profiles/<name>.yaml` in params.yaml.

    Returns:
        A line per parameter that changed: "raw.source: showroom → abo".

    Raises:
        ParameterError: no such profile, or it holds a parameter that does not exist; params.yaml stays as it was.
    """
    source = profiles / f"{name}.yaml"
    if not source.exists():
        known = ", ".join(sorted(path.stem for path in profiles.glob("*.yaml")))
        raise ParameterError(f"there is no profile {name!r}; there are: {known}")
    if not params.exists():
        raise ParameterError(f"{params} does not exist: run this from the root of the repository")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 110
    try:
        values = yaml.load(params)
        changes = YAML(typ="safe").load(source) or {}
    except YAMLError as error:
        raise ParameterError(f"{params} or {source} is not YAML: {' '.join(str(error).split())}") from error
    changed = _merge(values, changes, "")
    text = StringIO()
    yaml.dump(values, text)
    check_params(YAML(typ="safe").load(text.getvalue()), f"{params} with profile {name}")
    with replacing(params) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return changed


def _merge(values: Any, changes: dict, prefix: str) -> list[str]:
    changed = []
    for key, value in changes.items():
        before = values.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            changed += _merge(before, value, f"{prefix}{key}.")
        elif before != value:
            values[key] = value
            changed.append(f"{prefix}{key}: {_shown(before)} → {_shown(value)}")
    return changed


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
