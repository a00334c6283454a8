"""Says in one line what pydantic found wrong with a parameter, by the parameter's name in params.yaml."""

import difflib
from typing import Any

from pydantic import BaseModel


def explain(problem: dict[str, Any], model: type[BaseModel]) -> str:
    """Return a line about one of the problems that a ValidationError of `model` lists in its errors().

    An unknown key comes with the known key that is most like it, or with all that are known in its place.
    """
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        siblings = _known_keys(model, problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), siblings, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(siblings)}"
        return f"{name} is not a parameter; {hint}"
    if problem["type"] == "missing":
        return f"{name} is missing"
    if problem["type"] == "literal_error":
        return f"{name} is {problem['input']!r}, but must be {problem['ctx']['expected']}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{name}: {message}"
    return f"{name}: {message} (it is {problem['input']!r})"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at a location, such as ("sample", "tiers", 0), below the model."""
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(model.model_fields)
