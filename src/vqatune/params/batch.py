"""The parameters of batch: the master batches."""

from typing import Any, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Count, Section


class BatchParams(Section):
    """The master batches, one a version."""

    strategy: Literal["stratified", "rotation"] = Field(
        "stratified",
        description="stratified: every type evenly over the batches; rotation: the published round-robin over types.",
    )
    shards: bool = Field(
        False,
        description="Also write each batch's pictures into shards, tars in the order in which training reads them: for "
        "pictures that many machines read, or that lie on a slow disk. It changes no result.",
    )
    shards_address: str = Field(
        "data/shards",
        description="Where the shards go: a folder (git and DVC leave data/shards alone), or an address such as "
        "s3://bucket/shards (`pip install 'vqatune[shards]' s3fs`). Training reads them at the one in the environment "
        "variable VQATUNE_SHARDS, where it is set, such as http://host/shards.",
    )
    shard_megabytes: Count = Field(256, description="Size of a shard, in millions of bytes.")

    @model_validator(mode="before")
    @classmethod
    def _has_no_count(cls, values: Any) -> Any:
        if isinstance(values, dict) and "count" in values:
            raise ValueError(
                "count is replaced by the list `versions`, one master batch a version: remove it"
            )
        return values
