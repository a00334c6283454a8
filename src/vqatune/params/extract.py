"""The parameters of extract: reading the archives."""

from pydantic import Field

from vqatune.params.section import Amount, Section


class ExtractParams(Section):
    """Reading the archives."""

    max_bad_lines: Amount = Field(
        100,
        description="Lines of the listings that do not parse are counted, named and skipped; more than this many "
        "are an error.",
    )
