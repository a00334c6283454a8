"""The parameters of base: the base model."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from vqatune.params.section import Count, Positive, Section


class TinyParams(Section):
    """The tiny model that `model.source: tiny` trains; by these values source showroom was trained, too."""

    pictures: Literal["showroom", "museum"] = Field(
        "showroom",
        description="What is drawn for its training: products, or a museum's objects, named in English, German, French and "
        "Spanish.",
    )
    image_size: Count = 64
    patch_size: Count = 8
    hidden_size: Count = 96
    layers: Count = 2
    heads: Count = 4
    vocabulary: Annotated[int, Field(ge=200)] = 2000
    steps: Count = 9000
    images_per_step: Count = 16
    learning_rate: Positive = 7.0e-4

    @model_validator(mode="after")
    def _shapes_fit(self) -> "TinyParams":
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of patch_size {self.patch_size}"
            )
        return self


class ModelParams(Section):
    """The base model."""

    source: Literal["showroom", "tiny", "hub", "random"] = Field(
        "showroom",
        description="showroom: a tiny BLIP that comes with this package, trained on drawn products; tiny: one that is trained "
        "here, of any family; hub: the checkpoint named below; random: the architecture of blip-vqa-base with random weights, "
        "for benchmarks.",
    )
    family: Literal["blip", "blip-2", "llava", "idefics3", "qwen2_5_vl"] = Field(
        "blip",
        description="With source tiny: what the model is (blip-2: with OPT; idefics3: as SmolVLM). All but blip need "
        "lora.target_modules of their own, such as the preset text_query_value_dense. A hub checkpoint says itself what it is.",
    )
    name: str = Field(
        "Salesforce/blip-vqa-base",
        description="Checkpoint on the Hugging Face Hub, or a folder that holds one.",
    )
    revision: str | None = Field(
        "787b3d35d57e49572baabd22884b3d5a05acf072", description="Commit, branch or tag of the checkpoint."
    )
    keep: Literal["copy", "reference"] = Field(
        "copy",
        description="With source hub. copy: models/base holds the weights, and so does DVC's cache; reference: it names the "
        "checkpoint and the SHA-256 of its files, which stay in the hub's cache or their folder, for large ones.",
    )
    image_splitting: bool = Field(
        False,
        description="Of idefics3 (SmolVLM) alone: enlarge an image and cut it into up to 16 tiles beside the whole, for fine "
        "print in large images; one of 256 pixels gains nothing, and becomes 13 to 17 images.",
    )
    question_token: Literal["[ENC]", "[CLS]"] = Field(
        "[ENC]",
        description="First token of a question, of BLIP alone: [ENC] as in BLIP's own training, or [CLS] as in transformers' "
        "processor.",
    )
    tiny: TinyParams = Field(
        TinyParams(), description="With source tiny: its architecture, and its training on drawn images."
    )

    @model_validator(mode="after")
    def _showroom_is_as_it_comes(self) -> "ModelParams":
        if self.source != "showroom":
            return self
        if self.family != "blip":
            raise ValueError(f"source showroom is a blip: for family {self.family} set model.source to tiny")
        changed = [name for name, value in self.tiny if value != getattr(TinyParams(), name)]
        if changed:
            raise ValueError(
                f"tiny.{changed[0]} does not change source showroom, which is trained already: set model.source to tiny"
            )
        return self

    @model_validator(mode="after")
    def _hub_is_referred_to(self) -> "ModelParams":
        if self.keep == "reference" and self.source != "hub":
            raise ValueError(
                f"keep is 'reference', which is for source hub: with {self.source} it must be copy"
            )
        return self
