"""tokenizer.json and tokenizer_config.json: a tokenizer that neither makes much of a short text nor ends the process."""

import base64
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from transformers import PreTrainedTokenizerFast

from vqatune.models.folder_files.json_files import VOCABULARY, read_object, short
from vqatune.models.folder_files.values import check_names, check_values, kinds, number, refused, text, whole

SETTINGS_FILE = "tokenizer_config.json"
FILE = "tokenizer.json"
GROWTH = 4096
"""How many times as long a text may become by replacing, where every character is replaced; Llama's becomes four times as long."""
_TOKEN = text(1000) | dict[str, Any]
_KINDS = kinds(
    # What says that there is no limit is 1e30.
    (number(1, 1e31), "model_max_length"),
    (whole(0, 2**24), "max_length stride extra_ids pad_to_multiple_of"),
    (text(200), "tokenizer_class processor_class backend truncation_strategy name_or_path"),
    (Literal["left", "right"], "padding_side truncation_side"),
    (_TOKEN, "bos_token eos_token unk_token sep_token pad_token cls_token mask_token image_token"),
    (list[_TOKEN] | dict[str, _TOKEN], "additional_special_tokens extra_special_tokens"),
    (list[text(200)], "model_input_names"),
    (
        bool,
        "do_lower_case tokenize_chinese_chars strip_accents add_prefix_space add_bos_token add_eos_token legacy",
        "clean_up_tokenization_spaces local_files_only is_local split_special_tokens",
    ),
    (dict[str, dict[str, Any]], "added_tokens_decoder"),
)
_REFUSED = {
    "fast_tokenizer_files": "a tokenizer is in tokenizer.json",
    "init_inputs": "a tokenizer is made of its files alone",
    "gguf_file": "a tokenizer is in tokenizer.json",
    "tokenizer_object": "a tokenizer is in tokenizer.json",
}
_LIMITS = kinds((whole(1, 2**20), "max_length"), (whole(0, 0), "stride"))
_PADDING = kinds(
    (Literal["BatchLongest"] | dict[Literal["Fixed"], whole(0, 2**16)], "strategy"),
    (whole(0, 2**16), "pad_to_multiple_of"),
)
_TEMPLATE = 64
"""The most parts of a template of texts, and the most tokens of one of them."""


def read_tokenizer_settings(path: Path) -> dict[str, Any]:
    """Return what tokenizer_config.json says.

    Raises ValueError where a value is not one of a tokenizer that is loaded here, and OSError where it cannot be read.
    """
    values, where = read_object(path), f"{path.name} says "
    check_names(values, _is_function, _REFUSED, where)
    check_values(values, _KINDS, where)
    return values


def _is_function(name: str) -> bool:
    return callable(getattr(PreTrainedTokenizerFast, name, None))


def check_tokenizer(path: Path) -> None:
    """Raise ValueError where tokenizer.json is damaged, or makes much of little, and OSError where it cannot be read."""
    stat = path.stat()
    _check(path, (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))


# A model and its encoder both load the tokenizer; a large one takes tenths of a second to read.
@lru_cache(maxsize=8)
def _check(path: Path, state: tuple[int, ...]) -> None:
    values = read_object(path, VOCABULARY)
    for name, allowed in (("truncation", _LIMITS), ("padding", _PADDING)):
        settings = values.get(name)
        if isinstance(settings, dict):
            check_values(settings, allowed, f"{path.name} says {name}.")
    growth = 1
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        for part in _dictionaries(values.get(name)):
            kind = part.get("type")
            content = part.get("content") if kind == "Replace" else part.get("prepend", part.get("append"))
            growth *= 1 + len(content) if isinstance(content, str) else 1
            if kind == "Precompiled":
                _check_charsmap(part.get("precompiled_charsmap"), f"{path.name} says {name}.")
            if kind == "TemplateProcessing":
                _check_template(part, f"{path.name} says {name}.")
    if growth > GROWTH:
        raise ValueError(f"{path.name} makes a text up to {growth:,} times as long: {GROWTH:,} is the most")


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dictionaries(part)


def _check_charsmap(written: object, where: str) -> None:
    """Raise ValueError where SentencePiece's table of characters is not as long as it says, which ends the process."""
    if not isinstance(written, str):
        return
    try:
        table = base64.b64decode(written, validate=True)
    except ValueError:
        table = b""
    size = int.from_bytes(table[:4], "little")
    if size % 4 or not 4 <= size <= len(table) - 4:
        raise refused(where, "precompiled_charsmap", written, "it is damaged")


def _check_template(part: dict[str, Any], where: str) -> None:
    special = part.get("special_tokens")
    tokens = (
        [each.get("ids") for each in special.values() if isinstance(each, dict)]
        if isinstance(special, dict)
        else []
    )
    for value in (part.get("single"), part.get("pair"), special, *tokens):
        if isinstance(value, (list, dict)) and len(value) > _TEMPLATE:
            raise ValueError(
                f"{where}template has {len(value):,} parts, {short(value, 30)}: {_TEMPLATE} is the most"
            )
