"""The base class of the sections of params.yaml, and the types that they share."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


UNSET = "data/unset/"
"""Folder of the files that stand for a path that is not set: DVC watches such paths, and has no empty ones."""


def path_or_none(value: Any) -> Any:
    """Return None for the path of a placeholder, any other value as it is."""
    return None if isinstance(value, str) and value.startswith(UNSET) else value


WatchedPath = Annotated[str | None, BeforeValidator(path_or_none)]
"""A file or folder that DVC watches; None where it is not set."""


class Section(BaseModel):
    """A section of params.yaml: known keys only, immutable.

    A field's type, default and meaning stand in its class; its description is its comment in params.yaml.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    REQUIRED: ClassVar[tuple[str, ...] | None] = None
    """The keys that params.yaml must have; None: all of them."""
