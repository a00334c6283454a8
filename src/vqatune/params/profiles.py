"""Profiles: sets of parameters for a purpose, written into params.yaml with its comments kept."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from vqatune.errors import ParameterError
from vqatune.params import check_params
from vqatune.params.render import LISTS, WIDTH, params_yaml
from vqatune.tables import replacing

SHOWROOM = "showroom"
"""The profile without a file: the defaults of all parameters that another profile sets."""


def profile_names(profiles: Path) -> list[str]:
    """Return the names of all profiles: the files of a folder, and showroom."""
    return sorted({SHOWROOM, *(path.stem for path in profiles.glob("*.yaml"))})


def apply_profile(name: str, profiles: Path, params: Path) -> list[str]:
    """Set the parameters of `profiles/<name>.yaml` in params.yaml; showroom: those of all profiles to their defaults.

    Returns:
        A line per parameter that changed: "raw.source: showroom → abo".

    Raises:
        ParameterError: no such profile, or it holds a parameter that does not exist; params.yaml stays as it was.
    """
    known = profile_names(profiles)
    if name not in known:
        raise ParameterError(f"there is no profile {name!r}; there are: {', '.join(known)}")
    if not params.exists():
        raise ParameterError(f"{params} does not exist: run this from the root of the repository")
    yaml = _as_rendered()
    values = _read(params, yaml)
    changed = []
    if name == SHOWROOM:
        defaults = yaml.load(params_yaml())
        for other in known:
            if other != SHOWROOM:
                changes = _restricted(defaults, _read(profiles / f"{other}.yaml", yaml) or {})
                changed += _merge(values, changes, "")
    else:
        changed = _merge(values, _read(profiles / f"{name}.yaml", yaml) or {}, "")
    stream = StringIO()
    yaml.dump(values, stream)
    text = re.sub("(?m) +$", "", stream.getvalue())
    check_params(YAML(typ="safe").load(text), f"{params} with profile {name}")
    with replacing(params) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return changed


def _as_rendered() -> YAML:
    """Return a reader and writer that keeps the style of params_yaml(): only line breaks in long lists differ."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as null."""


_Representer.add_representer(
    type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _read(path: Path, yaml: YAML) -> Any:
    try:
        return yaml.load(path)
    except YAMLError as error:
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def _restricted(defaults: Any, keys: Any, prefix: str = "") -> Any:
    """Return the defaults of the parameters that a profile sets; a key that is no parameter is left out."""
    if not isinstance(defaults, dict) or not isinstance(keys, dict) or prefix.rstrip(".") in LISTS:
        return defaults
    return {
        key: _restricted(defaults[key], value, f"{prefix}{key}.")
        for key, value in keys.items()
        if key in defaults
    }


def _merge(values: Any, changes: dict, prefix: str) -> list[str]:
    changed = []
    for key, value in changes.items():
        before = values.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and prefix + key not in LISTS:
            changed += _merge(before, value, f"{prefix}{key}.")
        elif before != value:
            values[key] = value
            changed.append(f"{prefix}{key}: {_shown(before)} → {_shown(value)}")
    return changed


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(value)
    return "null" if value is None else str(value)
