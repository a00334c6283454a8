"""The parameters of split: training, validation and test set."""

from typing import Literal

from pydantic import Field

from vqatune.params.section import Amount, Fraction, Section


class SplitParams(Section):
    """The validation and the test set."""

    by: Literal["listing", "image"] = Field(
        "listing",
        description="listing: all images of a listing go to one side; image: each image by itself (as published; "
        "other views of a test product leak into training).",
    )
    test_fraction: Fraction = Field(0.2, description="Maximum share of a type's images in the test set.")
    validation_fraction: Fraction = Field(
        0.1,
        description="Maximum share of a type's images in the validation set, by which the best version is chosen. 0: "
        "none is chosen.",
    )
    minimum_images: Amount = Field(
        20, description="Only types with more images than this are in the validation and the test set."
    )
