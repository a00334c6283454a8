"""preprocessor_config.json and processor_config.json: sizes of pictures, and how their pixels are scaled."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from transformers.image_processing_backends import PilBackend

from vqatune.models.folder_files.config import SIDE
from vqatune.models.folder_files.json_files import read_object
from vqatune.models.folder_files.values import (
    Kinds,
    check_names,
    check_values,
    kinds,
    number,
    refused,
    text,
    whole,
)

IMAGES = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
TILES = 16
"""The most tiles along a side of an image; published processors cut it into five."""
_SIZES = Literal[
    "height", "width", "shortest_edge", "longest_edge", "max_height", "max_width", "min_pixels", "max_pixels"
]
_PIXEL = number(-1e3, 1e3)
_SPREAD = number(1e-6, 1e6)


@cache
def _kinds(most: int) -> Kinds:
    size = whole(1, most)
    return kinds(
        (size | list[size] | dict[_SIZES, size | None], "size crop_size pad_size max_image_size"),
        (whole(1, 2**26), "min_pixels max_pixels"),
        (_PIXEL | list[_PIXEL], "image_mean"),
        (_SPREAD | list[_SPREAD], "image_std"),
        (number(1e-6, 1e3), "rescale_factor"),
        (whole(0, 5), "resample"),
        (
            bool,
            "do_resize do_center_crop do_rescale do_normalize do_pad do_convert_rgb do_image_splitting",
            "default_to_square use_square_size disable_grouping return_row_col_info",
        ),
        (whole(1, 1024), "patch_size size_divisor"),
        (whole(1, 16), "merge_size temporal_patch_size"),
        (whole(1, SIDE), "image_seq_len image_seq_length num_query_tokens"),
        (whole(0, SIDE), "num_additional_image_tokens"),
        (Literal["default", "full"], "vision_feature_select_strategy"),
        (Literal["channels_first", "channels_last"], "data_format input_data_format"),
        (Literal["pt", "np"], "return_tensors"),
        (Literal["cpu"], "device"),
        (text(200), "processor_class image_processor_type feature_extractor_type"),
        (text(200) | dict[str, Any], "image_token fake_image_token end_of_utterance_token"),
        (dict[str, Any], "image_processor video_processor tokenizer"),
    )


def read_processor(path: Path, most: int = SIDE) -> dict[str, Any]:
    """Return what one of the two files says.

    Args:
        path: of the file.
        most: the largest number of a size: a side's pixels, or an image's where a family counts those.

    Raises ValueError where a value is not one of a processor that is loaded here, and OSError where it cannot be read.
    """
    values = read_object(path)
    _check(values, most, f"{path.name} says ")
    if isinstance(values.get("image_processor"), dict):
        _check(values["image_processor"], most, f"{path.name} says image_processor.")
    return values


def _check(values: Mapping[str, Any], most: int, where: str) -> None:
    check_names(values, _is_function, {}, where)
    check_values(values, _kinds(most), where)
    tile = _longest(values.get("max_image_size"))
    if tile is not None and TILES * tile < (_longest(values.get("size")) or SIDE):
        raise refused(
            where, "max_image_size", values["max_image_size"], f"a side is cut into {TILES} tiles at most"
        )


def _longest(size: object) -> int | None:
    return size.get("longest_edge") if isinstance(size, dict) else None


def _is_function(name: str) -> bool:
    return callable(getattr(PilBackend, name, None))
