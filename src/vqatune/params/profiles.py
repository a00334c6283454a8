"""Profiles: sets of parameters for a purpose, written into params.yaml with its comments kept."""

from pathlib import Path
from typing import Any

from vqatune.errors import ParameterError
from vqatune.params.render import LISTS, params_yaml
from vqatune.params.setting import as_rendered, read_yaml, set_params

SHOWROOM = "showroom"
"""The profile without a file: the defaults of all parameters that another profile sets."""

OWN_SOURCES = ("table", "folder", "tars", "hub", "museum")
"""The sources that `vqatune use` sets (and ABO's layout, which the parameters' defaults are for)."""

SET_BY_USE = (
    *("raw.source", "raw.path", "raw.pictures", "raw.columns", "raw.language", "raw.dataset"),
    *("filter.languages", "filter.one_language", "filter.fields", "sample.strategy", "split.minimum_images"),
    *(
        "generate.provider",
        "generate.path",
        "generate.columns",
        "generate.attributes",
        "generate.answer_words",
        "predict.max_answer_tokens",
    ),
)
"""The parameters that `vqatune use` sets; a profile sets them back where the catalogue was one's own."""


def profile_names(profiles: Path) -> list[str]:
    """Return the names of all profiles: the files of a folder, and showroom."""
    return sorted({SHOWROOM, *(path.stem for path in profiles.glob("*.yaml"))})


def apply_profile(name: str, profiles: Path, params: Path) -> list[str]:
    """Set the parameters of `profiles/<name>.yaml` in params.yaml; showroom: those of all profiles to their defaults.

    Where the profile has a catalogue and there was one's own, what `vqatune use` has set goes back to its defaults first, and
    the versions that it took from the chain come back.

    Returns:
        A line per parameter that changed: "raw.source: showroom → abo".

    Raises:
        ParameterError: no such profile, or it holds a parameter that does not exist; params.yaml stays as it was.
    """
    known = profile_names(profiles)
    if name not in known:
        raise ParameterError(f"there is no profile {name!r}; there are: {', '.join(known)}")
    defaults = as_rendered().load(params_yaml())
    if name == SHOWROOM:
        sets: dict[str, Any] = {}
        for other in known:
            if other != SHOWROOM:
                update(sets, _restricted(defaults, read_yaml(profiles / f"{other}.yaml") or {}))
    else:
        sets = read_yaml(profiles / f"{name}.yaml") or {}
    leaves = "source" in (sets.get("raw") or {}) and _has_own_catalogue(read_yaml(params))
    changes = without_own_catalogue() if leaves else {}
    update(changes, sets)
    return set_params(params, changes, f"with profile {name}", default_chain=leaves)


def _has_own_catalogue(values: Any) -> bool:
    raw = values.get("raw")
    return isinstance(raw, dict) and raw.get("source") in OWN_SOURCES


def without_own_catalogue() -> dict[str, Any]:
    """Return the defaults of what `vqatune use` sets for a catalogue of one's own."""
    defaults = as_rendered().load(params_yaml())
    changes: dict[str, Any] = {}
    for name in SET_BY_USE:
        section, key = name.split(".")
        changes.setdefault(section, {})[key] = defaults[section][key]
    return changes


def update(changes: dict[str, Any], others: Any) -> None:
    """Put others into changes, both nested as params.yaml is."""
    for key, value in others.items():
        if isinstance(value, dict) and isinstance(changes.get(key), dict):
            update(changes[key], value)
        else:
            changes[key] = value


def _restricted(defaults: Any, keys: Any, prefix: str = "") -> Any:
    """Return the defaults of the parameters that a profile sets; a key that is no parameter is left out."""
    if not isinstance(defaults, dict) or not isinstance(keys, dict) or prefix.rstrip(".") in LISTS:
        return defaults
    return {
        key: _restricted(defaults[key], value, f"{prefix}{key}.")
        for key, value in keys.items()
        if key in defaults
    }
