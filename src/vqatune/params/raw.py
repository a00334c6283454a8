"""The parameters of raw: the source of the catalogue."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Count, Section, WatchedPath

_ABO = "https://amazon-berkeley-objects.s3.amazonaws.com/archives/"


class ArchiveParams(Section):
    """An archive on the web."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ("url",)

    url: str
    bytes: Count | None = None
    sha256: str | None = None


class RawParams(Section):
    """The source of the two archives, listings and images."""

    source: Literal["showroom", "abo", "path"] = Field(
        "showroom",
        description="showroom: a sample catalogue, drawn here; abo: Amazon Berkeley Objects, downloaded from its "
        "public bucket; path: a folder of your own.",
    )
    path: WatchedPath = Field(
        "data/unset/raw.path",
        description="With source path: the folder that holds abo-listings.tar and abo-images-small.tar, which DVC "
        "watches; not data/raw, which DVC empties. data/unset/raw.path: not set (DVC fails on null).",
    )
    showroom_listings: Count = Field(1300, description="Number of listings in the showroom.")
    abo_listings: ArchiveParams = Field(
        ArchiveParams(url=f"{_ABO}abo-listings.tar"),
        description="Where source abo downloads the listings and the images. Length and SHA-256 are checked where "
        "they are given.",
    )
    abo_images: ArchiveParams = ArchiveParams(url=f"{_ABO}abo-images-small.tar")

    @model_validator(mode="after")
    def _path_for_path(self) -> "RawParams":
        if self.source == "path" and not self.path:
            raise ValueError("source is 'path', so path must name the folder that holds the two archives")
        return self
