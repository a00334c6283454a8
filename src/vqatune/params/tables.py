"""The parameters of the tables in data/."""

from pydantic import Field

from vqatune.params.section import Count, Section


class TablesParams(Section):
    """How the tables are stored."""

    parts: Count = Field(
        1,
        description="The number of parts of a table from extract to split: a stage has a part in memory at a time, and "
        "one a worker process. With 250,000 images a part, two processes take some 1.3 GB. 1: a file a table; more: a folder "
        "of files.",
    )
