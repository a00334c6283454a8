"""What every section of params.yaml is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


UNSET = "data/unset/"
"""Folder of the files that stand for a path that is not set: DVC watches such paths, and has no empty ones."""


def _path_or_none(value: Any) -> Any:
    return None if isinstance(value, str) and value.startswith(UNSET) else value


WatchedPath = Annotated[str | None, BeforeValidator(_path_or_none)]
"""A file or folder that DVC watches; None where it is not set."""


class Section(BaseModel):
    """A part of params.yaml: no key but the known ones, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
