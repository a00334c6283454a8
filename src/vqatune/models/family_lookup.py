"""The family that a model or a checkpoint belongs to."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from vqatune.errors import ModelError, ParameterError
from vqatune.loading.ragged import Ragged
from vqatune.models.family import Family, GeneratingFamily, RankingFamily, TunableFamily, VisionOptions
from vqatune.models.folder_files.json_files import read_object
from vqatune.models.weight_files import find_file

if TYPE_CHECKING:
    from vqatune.models.packing import PackedBatch


def _blip() -> GeneratingFamily:
    from vqatune.models.families import blip

    return blip


def _blip_2() -> GeneratingFamily:
    from vqatune.models.families import blip_2

    return blip_2


def _clip() -> RankingFamily:
    from vqatune.models.families import clip

    return clip


def _idefics3() -> GeneratingFamily:
    from vqatune.models.families import idefics3

    return idefics3


def _llava() -> GeneratingFamily:
    from vqatune.models.families import llava

    return llava


def _qwen_vl() -> GeneratingFamily:
    from vqatune.models.families import qwen_vl

    return qwen_vl


def _siglip() -> RankingFamily:
    from vqatune.models.families import siglip

    return siglip


def _vilt() -> RankingFamily:
    from vqatune.models.families import vilt

    return vilt


# Functions with plain imports, by which the stages' dependencies and the keys of work in progress find the families.
FAMILIES: dict[str, Callable[[], Family]] = {
    "blip": _blip,
    "blip-2": _blip_2,
    "clip": _clip,
    "idefics3": _idefics3,
    "llava": _llava,
    "qwen2_5_vl": _qwen_vl,
    "qwen2_vl": _qwen_vl,
    "siglip": _siglip,
    "vilt": _vilt,
}
"""config.model_type → its family, which is imported when it is needed."""


@cache
def family_named(name: str) -> Family:
    """Return the family of a configuration's model_type; raises ModelError where it is none that is known."""
    if name not in FAMILIES:
        raise ModelError(
            f"a model of type {name!r} is of no family that is known: choose one of {', '.join(FAMILIES)}"
        )
    return FAMILIES[name]()


def family_of(model: nn.Module) -> Family:
    """Return the family of a loaded model."""
    return family_named(model.config.model_type)


def generating_family(name: str) -> GeneratingFamily:
    """Return the family of a model_type that writes answers; raises ParameterError where it only ranks."""
    family = family_named(name)
    if "generate" not in family.MODES:
        raise ParameterError(
            f"a model of type {name} writes no answers, it ranks given ones: set predict.mode to rank (predict.candidates "
            "is their list), or name choices"
        )
    return cast("GeneratingFamily", family)


def generating_family_of(model: nn.Module) -> GeneratingFamily:
    """Return the family of a loaded model that writes answers; raises ParameterError where it only ranks."""
    return generating_family(model.config.model_type)


def ranking_family_of(model: nn.Module) -> RankingFamily | None:
    """Return the family of a loaded model that only ranks; None where it writes answers."""
    family = family_of(model)
    return None if "generate" in family.MODES else cast("RankingFamily", family)


def tunable_family(name: str) -> TunableFamily:
    """Return the family of a model_type that has a loss; raises ModelError where it has none."""
    family = family_named(name)
    if not hasattr(family, "pair_losses"):
        raise ModelError(
            f"a model of type {name} is measured, not tuned (docs/families.md says why): run `dvc repro eval@base`, or take "
            "another model.name"
        )
    return cast("TunableFamily", family)


def model_type(source: str | Path, of_processor: bool = False, **hub: Any) -> str:
    """Return the model_type of a checkpoint, in a folder or on the hub.

    Args:
        source: the folder or name; a Path is never a name on the hub.
        of_processor: where a folder lacks config.json, as an adapter's does, take that of its processor.
        hub: `revision`, for a name.

    Raises ModelError where there is none, or none of a known family.
    """
    if isinstance(source, Path) and not source.is_dir():
        raise ModelError(f"{source} does not exist: run the stage that makes it, or `dvc checkout`")
    lacks = Path(source).is_dir() and not (Path(source) / "config.json").exists()
    if lacks and not of_processor:
        raise ModelError(f"{source} is no complete checkpoint, it lacks config.json: get it again")
    try:
        if lacks:
            name = _type_of_processor(Path(source))
        else:
            path = find_file(source, "config.json", **hub)
            if path is None:
                raise FileNotFoundError("it has no config.json that is here or can be fetched")
            name = read_object(path)["model_type"]
        if not isinstance(name, str):
            raise TypeError(f"model_type is {name!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{source} cannot be loaded: neither config.json nor processor_config.json says what model it is ({reason})"
        ) from error
    try:
        family_named(name)
    except ModelError as error:
        error.add_context(str(source))
        raise
    return name


def _type_of_processor(folder: Path) -> str:
    """Return the known model_type that transformers has a folder's processor for; raises KeyError where there is none."""
    # Imports a good part of transformers.
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    written = read_object(folder / "processor_config.json")
    known = {kind: name for name, kind in PROCESSOR_MAPPING_NAMES.items() if name in FAMILIES}
    return known[written["processor_class"]]


def image_states_of(model: nn.Module, batch: "PackedBatch", options: VisionOptions | None = None) -> Ragged:
    """Return the image states of a batch, computing them unless the batch holds them."""
    if batch.image_states is not None:
        return batch.image_states
    return family_of(model).encode_images(model, batch.pictures, options)
