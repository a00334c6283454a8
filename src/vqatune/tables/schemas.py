"""The columns of every table, the same from the first stage to the last."""

import pyarrow as pa

# Text of which a whole catalogue passes what 32-bit offsets can address is a large_string.
_string, _int8, _int32, _int64 = pa.string(), pa.int8(), pa.int32(), pa.int64()
_place = {"path": _string, "archive": _string, "offset": _int64, "length": _int64}

LISTINGS = pa.schema(
    {
        "item_id": _string,
        "product_type": _string,
        "languages": pa.list_(_string),
        "image_ids": pa.list_(_string),
        "metadata": pa.large_string(),
    }
)
"""A listing: image_ids has the main image first; metadata is the record's JSON, language tags and all."""

IMAGES = pa.schema({"image_id": _string, "height": _int32, "width": _int32, **_place})
"""An image and where its bytes lie: `length` bytes from `offset` in the tar `archive`."""

PLACE = ["image_id", "archive", "offset", "length"]
"""The columns of IMAGES (and of the tables after it) that say where an image's bytes lie."""

FILTERED = pa.schema(
    {
        "image_id": _string,
        "item_id": _string,
        "product_type": _string,
        "language": _string,
        "metadata": pa.large_string(),
        **_place,
    }
)
"""An image of a listing: metadata is JSON, field → list of values in the wanted languages."""

DIGESTS = pa.schema({"image_id": _string, "digest": pa.binary(16)})
"""A digest of the bytes of an image in FILTERED (BLAKE2b, 16 bytes)."""

SAMPLED = pa.schema([*FILTERED, pa.field("tier", _int32), pa.field("repeats", _int32)])
"""A sampled image: its type's tier (the tier's lower bound in images) and how often training sees it."""

PAIRS = pa.schema(
    {
        "qa_id": _string,
        "image_id": _string,
        "item_id": _string,
        "product_type": _string,
        "question": _string,
        "answer": _string,
        "difficulty": _int8,
        "question_type": _string,
        "attribute": _string,
        "language": _string,
        "task": _string,
        "generator": _string,
    }
)
"""A question-answer pair; difficulty is null where the generator gave none. `attribute` is what of the object is asked for:
what the source of the pair calls it (`creator`, `place`), and else the question type."""

CHECKED = pa.schema([*PAIRS, pa.field("check", _string)])
"""A pair that was given; `check` names the check that drops it, null where none does."""

TASKS = pa.schema([*PAIRS, pa.field("group", _string), pa.field("choices", pa.list_(_string))])
"""A pair of a benchmark task: `group` is shared by pairs that are one question, about views of a listing or in several
languages, or is the qa_id of the pair that it was made from; `choices` are those of a multiple-choice question, null for
others."""

BATCH = pa.schema([*PAIRS, pa.field("copy", _int32)])
"""A pair of a training batch; `copy` numbers the repeats of an image (0 for the first)."""

SHARD_PLACES = pa.schema(
    {
        "image_id": _string,
        "archive": _string,
        "offset": _int64,
        "length": _int64,
        "digest": pa.binary(16),
    }
)
"""Where the bytes of a training batch's image lie in a shard, and their digest (loading.picture_digests)."""

PREDICTIONS = pa.schema(
    {"qa_id": _string, "prediction": _string, "log_probability": pa.float64(), "grounding": pa.float64()}
)
"""A model's answer to a pair of the test set; grounding is null where it was not measured."""
