"""Checks of values by their names: types and ranges, as pydantic has them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from vqatune.models.folder_files.json_files import short

Kinds = Mapping[str, TypeAdapter[Any]]
"""What a value may be, by its name."""

LONGEST = 2**15
"""The most entries of a list or a dictionary: pydantic says what is wrong of each."""
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def whole(least: int, most: int) -> Any:
    """Return the type of whole numbers of a range, its ends included."""
    return Annotated[int, Field(ge=least, le=most)]


def number(least: float, most: float) -> Any:
    """Return the type of numbers of a range, its ends included."""
    return Annotated[float, Field(ge=least, le=most)]


def text(most: int) -> Any:
    """Return the type of texts of at most so many characters."""
    return Annotated[str, Field(max_length=most)]


def kinds(*groups: tuple[Any, ...]) -> Kinds:
    """Return what values may be, of types, and behind each the names that have it, in texts, separated by spaces."""
    return {
        name: adapter
        for kind, *names in groups
        for adapter in [TypeAdapter(kind, config=_STRICT)]
        for name in " ".join(names).split()
    }


def check_values(values: Mapping[str, Any], allowed: Kinds, where: str) -> None:
    """Raise ValueError where a value is not what its name allows; None is what every name allows.

    Args:
        values: by name; names that `allowed` lacks are left alone.
        allowed: what they may be.
        where: the words before a name, such as "config.json says vision_config.".
    """
    for name, value in values.items():
        if value is None or name not in allowed:
            continue
        check_length(name, value, where)
        try:
            allowed[name].validate_python(value)
        except ValidationError as error:
            raise refused(where, name, value, said(error)) from None


def check_length(name: str, value: object, where: str) -> None:
    """Raise ValueError where a list or a dictionary has more entries than any that is known; as `check_values`."""
    if isinstance(value, (list, dict)) and len(value) > LONGEST:
        raise ValueError(f"{where}{name} with {len(value):,} entries: {LONGEST:,} are the most")


def check_names(
    values: Mapping[str, Any], taken: Callable[[str], bool], refuse: Mapping[str, str], where: str
) -> None:
    """Raise ValueError where a value has a name that no file may have.

    Args:
        values: by name.
        taken: whether a name is that of a function of the object that the values become attributes of.
        refuse: other such names, and why; a value of none, nothing or False is left alone.
        where: as in `check_values`.
    """
    for name, value in values.items():
        if name.startswith("__") or taken(name):
            raise refused(where, name, value, "it is the name of a function of transformers")
        if name in refuse and value:
            raise refused(where, name, value, refuse[name])


def refused(where: str, name: str, value: object, why: str) -> ValueError:
    """Return the error about a value; `where` is as in `check_values`."""
    return ValueError(f"{where}{short(name)[1:-1]} = {short(value)}: {why}")


def said(error: ValidationError, name: str | None = None) -> str:
    """Return pydantic's words about a value, or about the one of a name, without repetition."""
    each = [one for one in error.errors(include_url=False) if name is None or name == one["loc"][0]]
    messages = dict.fromkeys(
        one["msg"].removeprefix("Value error, ").replace("Input", "it", 1) for one in each
    )
    return ", or ".join(list(messages)[:3])
