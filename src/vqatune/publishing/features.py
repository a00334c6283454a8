"""The columns of a table as `datasets` features, so that images are read as images and not as bytes."""

import json
from typing import Any

import pyarrow as pa

IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
"""An image: its bytes as they are in a file, and that file's path in the catalogue."""


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the features in its metadata, where `datasets` looks for them."""
    features = {field.name: _feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def feature_list(fields: pa.Schema | pa.StructType) -> list[dict[str, Any]]:
    """Return the columns as they stand in the `dataset_info` of a card; a list among them is one of structs."""
    return [{"name": field.name, **_entry(field.type)} for field in fields]


def _feature(kind: pa.DataType) -> Any:
    if kind == IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        # This form of a list is understood by old and new versions alike.
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": str(kind), "_type": "Value"}


def _entry(kind: pa.DataType) -> dict[str, Any]:
    if kind == IMAGE:
        return {"dtype": "image"}
    if pa.types.is_list(kind):
        return {"list": feature_list(kind.value_type)}
    return {"dtype": str(kind)}
