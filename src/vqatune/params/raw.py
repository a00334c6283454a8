"""The parameters of raw: the source of the catalogue, and the columns of one of your own."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from vqatune.params.section import Count, Fraction, Positive, Section, WatchedPath

_ABO = "https://amazon-berkeley-objects.s3.amazonaws.com/archives/"


class ArchiveParams(Section):
    """An archive on the web."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ("url",)

    url: str
    bytes: Count | None = None
    sha256: str | None = None


class ColumnsParams(Section):
    """The columns of a table of one's own by the part that they play, as `vqatune use` writes them."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    pictures: list[str] = Field(
        [], description="Those with paths or URLs of pictures, or pictures themselves."
    )
    separator: str | None = Field(
        None, description="What stands between several pictures in a cell. null: nothing."
    )
    id: str | None = Field(
        None,
        description="Rows with the same id are one listing. null: a listing is what shows the same picture first.",
    )
    type: str | None = Field(
        None,
        description="The product type; with source folder, `folder` is the folder that a picture lies in. "
        "null: one type for all.",
    )
    position: str | None = Field(
        None,
        description="The place of a row's picture among those of its listing. null: in the order of the rows.",
    )
    language: str | None = Field(None, description="The language tag of a row's texts. null: raw.language.")
    fields: list[str] = Field(
        [],
        description="Those of the metadata, each as FIELD=COLUMN. What templates know is named as ABO names it: color, "
        "material, pattern, item_shape, style, finish_type, fabric_type, item_name, bullet_point, "
        "product_description.",
    )

    @field_validator("fields")
    @classmethod
    def _name_fields_and_columns(cls, fields: list[str]) -> list[str]:
        for entry in fields:
            field, sign, column = entry.partition("=")
            if not (field and sign and column):
                raise ValueError(f"{entry!r} is not FIELD=COLUMN")
        return fields

    @property
    def field_columns(self) -> list[tuple[str, str]]:
        """The fields of the metadata, each with its column."""
        return [(field, column) for field, _, column in (entry.partition("=") for entry in self.fields)]


class DatasetParams(Section):
    """A dataset on the Hugging Face Hub."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    name: str | None = Field(None, description="Such as user/name. null: the dataset is saved at raw.path.")
    config: str | None = Field(None, description="null: the only one, or the default.")
    split: str | None = Field(None, description="null: all splits, one after the other.")
    revision: str | None = Field(None, description="Commit, branch or tag. null: the newest.")


class FetchParams(Section):
    """Fetching pictures by their URLs."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    per_host: Count = Field(4, description="Maximum number of concurrent requests to a host.")
    timeout_seconds: Positive = Field(
        30, description="Timeout of a request, and of a wait for its next bytes."
    )
    attempts: Count = Field(4, description="Maximum number of requests for a picture.")
    max_megabytes: Positive = Field(20, description="Larger pictures are not fetched.")


class RawParams(Section):
    """The source of the catalogue. `vqatune use` sets what follows from a file or folder of yours."""

    source: Literal["showroom", "drawn_museum", "abo", "path", "table", "folder", "tars", "hub", "museum"] = (
        Field(
            "showroom",
            description="showroom: a sample catalogue, drawn here; drawn_museum: a sample museum, drawn here; abo: Amazon Berkeley Objects, downloaded from its "
            "public bucket; path: a folder in ABO's layout; table: a table of pictures; folder: a folder of pictures; "
            "tars: WebDataset's; hub: a dataset of Hugging Face, on the Hub or saved; museum: records of Europeana, DPLA or the Smithsonian. `vqatune use` finds it out.",
        )
    )
    path: WatchedPath = Field(
        "data/unset/raw.path",
        description="With source path: the folder that holds abo-listings.tar and abo-images-small.tar; with table: "
        "the table; with hub: the folder of a saved dataset; with museum: the file or folder with records. DVC watches it; not data/raw, which DVC empties. "
        "data/unset/raw.path: not set (DVC fails on null).",
    )
    pictures: WatchedPath = Field(
        "data/unset/raw.pictures",
        description="With source table or museum: the folder below which its pictures lie, where these are files; with folder: "
        "it; with tars: a tar, or a folder of tars. They are read in place, never changed, and DVC watches them. "
        "data/unset/raw.pictures: not set.",
    )
    columns: ColumnsParams = Field(
        ColumnsParams(), description="With table, tars and hub: the columns, by the part that they play."
    )
    language: str | None = Field(
        None,
        description="The language tag, such as en or de, of texts and listings that have none, but for those of showroom, "
        "abo and path. null: unknown.",
    )
    dataset: DatasetParams = Field(DatasetParams(), description="With source hub: which dataset of the Hub.")
    fetch: FetchParams = Field(FetchParams(), description="How pictures are fetched by their URLs.")
    max_dead: Fraction = Field(
        0.1,
        description="If a larger share of the pictures cannot be fetched, the stage fails; what was is kept.",
    )
    allow_private_addresses: bool = Field(
        False, description="Fetch from this machine and its network, too (loopback, 10.…, 192.168.…)."
    )
    showroom_listings: Count = Field(1300, description="Number of listings in the showroom.")
    museum_objects: Count = Field(700, description="Number of objects in the drawn museum.")
    abo_listings: ArchiveParams = Field(
        ArchiveParams(url=f"{_ABO}abo-listings.tar"),
        description="Where source abo downloads the listings and the images. Length and SHA-256 are checked where "
        "they are given.",
    )
    abo_images: ArchiveParams = ArchiveParams(url=f"{_ABO}abo-images-small.tar")

    @model_validator(mode="after")
    def _has_its_paths(self) -> "RawParams":
        if self.source == "path" and not self.path:
            raise ValueError("source is 'path', so path must name the folder that holds the two archives")
        if self.source == "table" and not self.path:
            raise ValueError("source is 'table', so path must name the table")
        if self.source == "museum" and not self.path:
            raise ValueError("source is 'museum', so path must name the file or folder with records")
        if self.source in ("folder", "tars") and not self.pictures:
            raise ValueError(f"source is {self.source!r}, so pictures must name the folder with them")
        if self.source == "hub" and not self.path and not self.dataset.name:
            raise ValueError("source is 'hub', so dataset.name must name the dataset, or path a saved one")
        if self.source in ("table", "hub") and not self.columns.pictures:
            raise ValueError(
                f"source is {self.source!r}, so columns.pictures must name columns: run `vqatune use`"
            )
        return self
