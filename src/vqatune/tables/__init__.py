"""Tables and other outputs of the stages: their columns, and reading and writing them."""

from vqatune.tables.atomic import replacing, replacing_folder
from vqatune.tables.files import (
    read_csv,
    read_json,
    read_table,
    table_columns,
    write_csv,
    write_json,
    write_table,
    writing_table,
)
from vqatune.tables.groups import read_groups, sorted_groups
from vqatune.tables.schemas import (
    BATCH,
    CHECKED,
    FILTERED,
    IMAGES,
    LISTINGS,
    PAIRS,
    PLACE,
    PREDICTIONS,
    SAMPLED,
    SHARD_PLACES,
    TASKS,
)

__all__ = [
    "BATCH",
    "CHECKED",
    "FILTERED",
    "IMAGES",
    "LISTINGS",
    "PAIRS",
    "PLACE",
    "PREDICTIONS",
    "SAMPLED",
    "SHARD_PLACES",
    "TASKS",
    "read_csv",
    "read_groups",
    "read_json",
    "read_table",
    "replacing",
    "replacing_folder",
    "sorted_groups",
    "table_columns",
    "write_csv",
    "write_json",
    "write_table",
    "writing_table",
]
