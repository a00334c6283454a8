"""Renders params.yaml and docs/params.md from the classes of the parameters.

`python -m vqatune.params.render`, in the root of the repository, writes both, after a change of the classes. Values in
params.yaml stay; a new parameter comes with its default, and one that is gone goes.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from vqatune.errors import visible
from vqatune.params import Params, check_params
from vqatune.params.explain import section_of
from vqatune.params.section import Section, path_or_none
from vqatune.params.versions import BASE, BLIND, chain

WIDTH = 110
"""Columns of params.yaml."""

_YAML_HEAD = """\
# Every parameter of the pipeline. Change one and `dvc repro` reruns the stages that depend on it, no others;
# `dvc exp run -S lora.r=16` tries a value without editing this file; `vqatune profile abo` sets all for ABO.
# Types and choices: docs/params.md.
"""

LISTS = ("versions", "predicted", "evaluated", "zoo.models")
"""What is listed by names that the user chooses, and is no section."""

_REFERENCE_HEAD = """\
# Parameters

Every parameter of [params.yaml](../params.yaml), by section. This page is rendered from `src/vqatune/params/` by
`python -m vqatune.params.render`.
"""


def params_yaml(params: Params | None = None) -> str:
    """Return the text of params.yaml: values (None: the defaults), and the descriptions as comments."""
    params = params or Params()
    parts = [_YAML_HEAD]
    for name, field in Params.model_fields.items():
        comment = "".join(_comment(field.description, ""))
        if name == "versions":
            lines = [f"  {key}: {_flow(_plain(value))}\n" for key, value in params.versions.items()]
            # Without an entry it would be null.
            listed = "\n" + "".join(lines) if lines else " {}\n"
            parts.append(f"{comment}versions: &versions{listed}")
        elif name == "predicted":
            parts.append(f"{comment}predicted: &predicted\n  {BASE}: {{}}\n  <<: *versions\n")
        elif name == "evaluated":
            parts.append(f"{comment}evaluated:\n  {BLIND}: {{}}\n  <<: *predicted\n")
        else:
            parts.append(
                comment + "".join(_yaml_lines(name, _plain(getattr(params, name)), "", field, set()))
            )
    return "\n".join(parts)


def reference() -> str:
    """Return the text of docs/params.md: name, type, default and meaning of every parameter."""
    parts = [_REFERENCE_HEAD]
    for name, field in Params.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            rows = "".join(_rows(section, field.default, ""))
            head = "| parameter | type | default | meaning |\n|---|---|---|---|\n"
            parts.append(f"## {name}\n\n{' '.join((section.__doc__ or '').split())}\n\n{head}{rows}")
        elif name in LISTS:
            parts.append(f"## {name}\n\n{field.description}\n")
        else:
            parts.append(
                f"## {name}\n\n{_type(field)}, default `{_flow(field.default)}`. {field.description}\n"
            )
    return "\n".join(parts)


def _yaml_lines(name: str, value: Any, indent: str, field: FieldInfo, seen: set[str]) -> Iterator[str]:
    """Yield the lines of a parameter's value; `seen`: comments of its section so far, which are not repeated."""
    section = field.annotation
    if isinstance(value, dict) and isinstance(section, type) and issubclass(section, Section):
        yield f"{indent}{name}:\n"
        for key, inner in section.model_fields.items():
            if inner.description and inner.description not in seen:
                seen.add(inner.description)
                yield from _comment(inner.description, f"{indent}  ")
            yield from _yaml_lines(key, value[key], f"{indent}  ", inner, seen)
    elif isinstance(value, dict):
        # Listed by name. Without an entry it would be null.
        yield f"{indent}{name}:{'' if value else ' {}'}\n"
        for key, item in value.items():
            yield from (
                f"{line}\n" for line in _wrapped(f"{key}: {_flow(item)}", f"{indent}  ", f"{indent}    ")
            )
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield f"{indent}{name}:\n"
        yield from (f"{indent}  - {_flow(item)}\n" for item in value)
    else:
        lines = _wrapped(f"{name}: {_flow(value)}", indent, f"{indent}  ")
        yield from (f"{line}\n" for line in lines)


def _comment(text: str | None, indent: str) -> list[str]:
    return [f"{line}\n" for line in _wrapped(text, f"{indent}# ", f"{indent}# ")] if text else []


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(value: Any) -> Any:
    """Return a value as YAML holds it: sections as dicts, paths that are not set by their placeholders."""
    if isinstance(value, Section):
        fields = type(value).model_fields
        return {
            name: _plain(
                field.default if getattr(value, name) is None and _is_path(field) else getattr(value, name)
            )
            for name, field in fields.items()
        }
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _entry(item) for name, item in value.items()}
    return value


def _entry(item: Any) -> Any:
    """Return an entry of a list by name: its path, which DVC watches, and what is not as it is without."""
    if not isinstance(item, Section):
        return item
    plain, fields = _plain(item), type(item).model_fields
    return {
        name: value
        for name, value in plain.items()
        if _is_path(fields[name]) or value != fields[name].default
    }


def _is_path(field: FieldInfo) -> bool:
    return any(getattr(item, "func", None) is path_or_none for item in field.metadata)


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        # Digits alone are text to some readers of YAML and numbers to others: 08.
        plain = re.fullmatch(r"(?![0-9.e+-]+$)[\w./:-]+", value) and yaml.safe_load(value) == value
        return value if plain else json.dumps(value, ensure_ascii=False)
    return str(value)


def _number(value: float) -> str:
    if not value or abs(value) >= 0.01:
        return str(int(value)) if value.is_integer() and value > 1 else str(value)
    decimal = Decimal(repr(value))
    digits = "".join(map(str, decimal.as_tuple().digits)).rstrip("0")
    return f"{digits[0]}.{digits[1:] or '0'}e{decimal.adjusted()}"


def _rows(section: type[Section], default: Any, prefix: str) -> Iterator[str]:
    """Yield the rows of a section's table, those of sections in it after their names."""
    values = _plain(default)
    for name, field in section.model_fields.items():
        inner = field.annotation
        meaning = (field.description or "").replace("|", "\\|")
        if isinstance(inner, type) and issubclass(inner, Section):
            if meaning:
                yield f"| `{prefix}{name}` | | | {meaning} |\n"
            yield from _rows(inner, getattr(default, name), f"{prefix}{name}.")
        else:
            value = values[name]
            shown = ", ".join(value) if isinstance(value, dict) else _flow(value)
            yield f"| `{prefix}{name}` | {_type(field)} | `{shown}` | {meaning} |\n"


def _type(field: FieldInfo) -> str:
    """Return a field's type in words: "integer ≥ 1", "`lora` or `dora`", "list of text, or null"."""
    if _is_path(field):
        return "path"
    return _words(field.annotation, field.metadata)


def _bounds(metadata: Iterable[Any]) -> str:
    """Return the constraints among a type's annotations in words: " ≥ 1", " from 0 to 1"."""
    limits: dict[str, Any] = {}
    for item in metadata:
        for inner in item.metadata if isinstance(item, FieldInfo) else [item]:
            limits |= {name: getattr(inner, name) for name in ("ge", "gt", "le") if hasattr(inner, name)}
    if {"ge", "le"} <= limits.keys():
        return f" from {limits['ge']} to {limits['le']}"
    signs = {"ge": "≥", "gt": ">", "le": "≤"}
    return "".join(f" {signs[name]} {limit}" for name, limit in limits.items())


def _words(kind: Any, metadata: Iterable[Any] = ()) -> str:
    names = {str: "text", int: "integer", float: "number", bool: "`true` or `false`"}
    arguments = get_args(kind)
    if kind in names:
        return names[kind] + _bounds(metadata)
    if hasattr(kind, "__metadata__"):
        return _words(arguments[0], kind.__metadata__)
    if get_origin(kind) is Literal:
        return " or ".join(", ".join(f"`{choice}`" for choice in arguments).rsplit(", ", 1))
    if get_origin(kind) is dict:
        item = section_of(kind)
        return f"name → {{{', '.join(item.model_fields)}}}" if item else "name → …"
    if get_origin(kind) is list:
        item = section_of(kind)
        return "list of " + (f"{{{', '.join(item.model_fields)}}}" if item else _words(arguments[0]))
    parts = [_words(part, metadata) for part in arguments if part is not NoneType]
    return ", or ".join(parts + ["`null`"] * (NoneType in arguments))


def read_values(path: Path) -> Params:
    """Return the parameters of a params.yaml of before a change of the classes: its values, and defaults of new ones."""
    defaults = yaml.safe_load(params_yaml())
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    count = (values.get("batch") or {}).get("count")
    if count and "versions" not in values:
        # As the number of versions was set before there was a list.
        versions = {name: version.model_dump() for name, version in chain(count).items()}
        values["versions"] = versions
    # Both follow from the versions, as did the one list that was in their place.
    values.pop("measured", None)
    values["predicted"] = {BASE: {}} | (values.get("versions") or {})
    values["evaluated"] = {BLIND: {}} | values["predicted"]
    for name in sorted(_names(values) - _names(defaults) - {"batch.count"}):
        # runtime, which has the way to the screen, is above this package.
        sys.stderr.write(visible(f"{name} is not a parameter: it is left out") + "\n")
    return check_params(_known(values, defaults), str(path))


def _names(values: dict[str, Any], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, value in values.items():
        inner = isinstance(value, dict) and prefix + name not in LISTS
        names |= _names(value, f"{prefix}{name}.") if inner else {prefix + name}
    return names


def _known(values: dict[str, Any], defaults: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    return {
        name: _known(values[name], default, f"{prefix}{name}.")
        if isinstance(default, dict) and isinstance(values.get(name), dict) and prefix + name not in LISTS
        else values.get(name, default)
        for name, default in defaults.items()
    }


def main() -> None:
    """Write params.yaml and docs/params.md into the repository that this is."""
    root = Path(__file__).resolve().parents[3]
    path = root / "params.yaml"
    path.write_text(params_yaml(read_values(path)), encoding="utf-8")
    (root / "docs" / "params.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
