"""One-line messages about wrong parameters, by their names in params.yaml."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from vqatune.params.section import Section

_LONGEST = 1000
"""Characters of a line."""


def explain(problem: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return a line about one of the problems that a ValidationError of `model` lists in its errors().

    An unknown key comes with the known key that is most similar, or with all known keys of its section. Of a value that is
    longer than a line should be, the middle is left out.
    """
    line = _explain(problem, model)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"


def _explain(problem: Mapping[str, Any], model: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        siblings = list(_section_at(model, problem["loc"][:-1]).model_fields)
        close = difflib.get_close_matches(str(problem["loc"][-1]), siblings, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(siblings)}"
        return f"{name} is not a parameter; {hint}"
    if problem["type"] == "missing":
        return f"{name} is missing"
    if problem["type"] == "literal_error":
        return f"{name} is {problem['input']!r}, but must be {problem['ctx']['expected']}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{name}: {message}" if name else message
    return f"{name}: {message} (it is {problem['input']!r})"


def missing_keys(values: dict[str, Any], section: type[Section], prefix: str = "") -> list[str]:
    """Return the names of the parameters that have a default, but must stand in params.yaml, and do not."""
    missing = []
    for name, field in section.model_fields.items():
        kind = section_of(field.annotation)
        if name not in values:
            if not field.is_required() and (section.REQUIRED is None or name in section.REQUIRED):
                missing.append(prefix + name)
        elif kind is field.annotation and kind is not None and isinstance(values[name], dict):
            missing += missing_keys(values[name], kind, f"{prefix}{name}.")
    return missing


def section_of(annotation: Any) -> type[Section] | None:
    """Return the section in a field's type, such as TierParams in list[TierParams]; None where there is none."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


def _section_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the section at a location below the model, such as ("sample", "tiers", 0) or ("versions", "v1")."""
    for part in location:
        if part in model.model_fields:
            model = section_of(model.model_fields[str(part)].annotation) or model
    return model
