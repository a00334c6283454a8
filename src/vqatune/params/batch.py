"""The parameters of batch: the master batches."""

from typing import Any, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Section


class BatchParams(Section):
    """The master batches, one a version."""

    strategy: Literal["stratified", "rotation"] = Field(
        "stratified",
        description="stratified: every type evenly over the batches; rotation: the published round-robin over types.",
    )

    @model_validator(mode="before")
    @classmethod
    def _has_no_count(cls, values: Any) -> Any:
        if isinstance(values, dict) and "count" in values:
            raise ValueError(
                "count is replaced by the list `versions`, one master batch a version: remove it"
            )
        return values
