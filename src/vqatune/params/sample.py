"""The parameters of sample: the number of images per product type."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Amount, Count, Fraction, Positive, Section


class TierParams(Section):
    """The sampling ratio of the types with at least `at_least` images."""

    at_least: Amount
    ratio: Fraction


class SampleParams(Section):
    """Sampling of images per product type."""

    strategy: Literal["tiered", "random", "all"] = Field(
        "tiered",
        description="tiered: by the tiers below; random: as many images in all, whatever their type; "
        "all: every image.",
    )
    cap: Count = Field(15_000, description="Maximum number of images sampled of a type.")
    minimum: Amount = Field(
        1, description="Minimum number of images sampled of a type (all of them where it has fewer)."
    )
    small_type_minimum: Amount = Field(
        100,
        description="Oversampling: the images of a type with fewer than this are repeated to reach it (counted "
        "before some of them go to the test set, whose images are never repeated). 0: off.",
    )
    log_scale: Positive | None = Field(
        None,
        description="α: where set, floor((log10(n)·α + ratio)·n) images of a type of n images are sampled.",
    )
    tiers: Annotated[list[TierParams], Field(min_length=1)] = Field(
        [
            TierParams(at_least=100_000, ratio=0.05),
            TierParams(at_least=10_000, ratio=0.20),
            TierParams(at_least=1_000, ratio=0.50),
            TierParams(at_least=0, ratio=1.0),
        ],
        description="Sampling ratio by the number of images that a product type has.",
    )

    @model_validator(mode="after")
    def _lowest_tier_takes_the_rest(self) -> "SampleParams":
        if min(tier.at_least for tier in self.tiers) != 0:
            raise ValueError("tiers need one with at_least: 0 for the small types")
        return self
