"""The files of a model, and those of its processor: all that transformers reads beside weights, checked before it does."""

from pathlib import Path
from typing import Any

from vqatune.models.folder_files import adapter, config, processor, tokenizer
from vqatune.models.folder_files.json_files import SETTINGS, VOCABULARY, check_size, read_json, read_object
from vqatune.models.weight_files import INDEX, find_file

_JSON_OBJECTS = ("special_tokens_map.json", "added_tokens.json", "video_preprocessor_config.json")
_VOCABULARIES = ("vocab.json", "vocab.txt", "merges.txt", "spiece.model", "tokenizer.model")
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")


def check_model_files(source: str | Path, any_inner: bool = False, **hub: Any) -> None:
    """Check what says how a model is built.

    Args:
        source: a folder, or a name on the hub, whose files are fetched where they are not here.
        any_inner: as in `read_config`.
        hub: `revision`, for a name on the hub.

    Raises ValueError where a file is damaged, or says what no model that is loaded here has, and OSError where one cannot be
    read or fetched.
    """
    if path := find_file(source, config.FILE, **hub):
        config.read_config(path, any_inner)
    if path := find_file(source, "generation_config.json", **hub):
        read_object(path)
    if find_file(source, adapter.FILE, **hub):
        # transformers would add it to the model.
        raise ValueError(
            f"there is {adapter.FILE} beside {config.FILE}: move the adapter to a folder of its own"
        )
    if Path(source).is_dir() and (path := find_file(source, INDEX)):
        check_size(path, VOCABULARY)


def check_processor_files(
    source: str | Path, most: int = config.SIDE, any_inner: bool = False, **hub: Any
) -> None:
    """Check what says how images and texts are prepared.

    Args:
        source: as in `check_model_files`.
        most: as in `read_processor`.
        any_inner: as in `read_config`.
        hub: `revision`, for a name on the hub.

    Raises as `check_model_files`.
    """
    if path := find_file(source, config.FILE, **hub):
        config.read_config(path, any_inner)
    for name in (processor.IMAGES, processor.PROCESSOR):
        if path := find_file(source, name, **hub):
            processor.read_processor(path, most)
    if path := find_file(source, tokenizer.SETTINGS_FILE, **hub):
        tokenizer.read_tokenizer_settings(path)
    if path := find_file(source, tokenizer.FILE, **hub):
        tokenizer.check_tokenizer(path)
    for name in _JSON_OBJECTS:
        if path := find_file(source, name, **hub):
            read_object(path)
    if not Path(source).is_dir():
        return
    # On the hub there may be files that are not needed.
    for name in _VOCABULARIES:
        if path := find_file(source, name):
            check_size(path, VOCABULARY)
            if path.suffix == ".json":
                read_json(path, VOCABULARY)
    for pattern in _TEMPLATES:
        for path in Path(source).glob(pattern):
            check_size(path, SETTINGS)
