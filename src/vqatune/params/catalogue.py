"""The parameters of raw, extract, filter and sample: from the archives to the images worth asking about."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Amount, Count, Fraction, Positive, Section, WatchedPath


class ArchiveParams(Section):
    """One archive on the web; bytes and sha256 are checked once they are known."""

    url: str
    bytes: Count | None = None
    sha256: str | None = None


class RawParams(Section):
    """Where the two archives come from."""

    source: Literal["showroom", "abo", "path"]
    path: WatchedPath
    showroom_listings: Count
    abo_listings: ArchiveParams
    abo_images: ArchiveParams

    @model_validator(mode="after")
    def _path_for_path(self) -> "RawParams":
        if self.source == "path" and not self.path:
            raise ValueError("source is 'path', so path must name the folder that holds the two archives")
        return self


class ExtractParams(Section):
    """Reading the archives."""

    max_bad_lines: Amount


class FilterParams(Section):
    """Which listings and which of their fields are kept."""

    languages: Annotated[list[str], Field(min_length=1)]
    fields: Annotated[list[str], Field(min_length=1)]


class TierParams(Section):
    """Types with at least `at_least` images give the share `ratio` of them."""

    at_least: Amount
    ratio: Fraction


class SampleParams(Section):
    """How many images of each product type are drawn."""

    strategy: Literal["tiered", "random", "all"]
    tiers: Annotated[list[TierParams], Field(min_length=1)]
    cap: Count
    minimum: Amount
    small_type_minimum: Amount
    log_scale: Positive | None

    @model_validator(mode="after")
    def _lowest_tier_takes_the_rest(self) -> "SampleParams":
        if min(tier.at_least for tier in self.tiers) != 0:
            raise ValueError("tiers need one with at_least: 0 for the small types")
        return self
