"""Which parameters differ from their defaults."""

from typing import Any

from vqatune.params import Params

ABSENT = object()
"""The default of a parameter that has none, such as a version that is added to the chain."""


def changed(params: Params) -> dict[str, tuple[Any, Any]]:
    """Return dotted name → (default, value) of the parameters that differ; the zoo's are left out."""
    before = _flat(Params().model_dump(mode="json", exclude={"zoo"}))
    after = _flat(params.model_dump(mode="json", exclude={"zoo"}))
    return {
        name: (before.get(name, ABSENT), value)
        for name, value in after.items()
        if name not in before or before[name] != value
    }


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
