"""The parameters of filter: the listings and fields to keep."""

from typing import Annotated, Literal

from pydantic import Field

from vqatune.params.section import Section


class FilterParams(Section):
    """The listings and fields to keep."""

    languages: Literal["all"] | Annotated[list[str], Field(min_length=1)] = Field(
        ["en_US"],
        description="Language tags of the values to keep; a prefix such as en takes en_US, en_GB, en_IN, …; "
        "en-US is en_US. all: every value, and listings without any text, too.",
    )
    one_language: bool = Field(
        False,
        description="Of a listing in several languages, keep the values in the most frequent one, and those without a "
        "language, alone. false: those in all selected languages, together.",
    )
    fields: Literal["all"] | Annotated[list[str], Field(min_length=1)] = Field(
        [
            "bullet_point",
            "color",
            "color_code",
            "fabric_type",
            "finish_type",
            "item_shape",
            "material",
            "pattern",
            "product_description",
            "product_type",
            "style",
            "item_name",
        ],
        description="Fields of a listing to keep as its metadata. all: every field.",
    )
