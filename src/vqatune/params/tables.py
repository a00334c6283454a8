"""The parameters of the tables in data/."""

from pydantic import Field

from vqatune.params.section import Count, Section


class TablesParams(Section):
    """How the tables are stored."""

    parts: Count = Field(
        1,
        description="The number of parts of a table from extract to split: a stage has a part in memory at a time, and "
        "one a worker process. A million images a part fit into some 2 GB. 1: a file a table; more: a folder of files.",
    )
