"""JSON files of a model folder: no larger and no deeper than such files are, so that reading them takes bounded time and memory."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SETTINGS = 8 * 2**20
"""The most bytes of a file of settings; ViLT's config.json has 0.2 MB."""
VOCABULARY = 64 * 2**20
"""The most bytes of a tokenizer's file; the largest that are published have some 33 MB."""
DEEPEST = 64
"""The most dictionaries and lists in one another."""


def check_size(path: Path, most_bytes: int) -> None:
    """Raise ValueError where a path is no file, or one of more bytes, and FileNotFoundError where there is none."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not path.is_file():
        raise ValueError(f"{path.name} is no file")
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(
            f"{path.name} has {size / 1e6:,.0f} MB, and such a file has {most_bytes / 1e6:,.0f} MB at most"
        )


def read_json(path: Path, most_bytes: int = SETTINGS) -> Any:
    """Return what a JSON file says.

    Raises ValueError where it is too large, too deep, or no JSON, and OSError where it cannot be read.
    """
    check_size(path, most_bytes)
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    too_deep = f"{path.name} has more than {DEEPEST} lists and dictionaries in one another"
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError(too_deep) from None
    except ValueError as error:
        raise ValueError(f"{path.name} is no JSON ({short(error, 120)})") from error
    level = _lists([value])
    for _ in range(DEEPEST):
        level = [part for one in level for part in _lists(one.values() if isinstance(one, dict) else one)]
        if not level:
            return value
    raise ValueError(too_deep)


def _lists(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]


def read_object(path: Path, most_bytes: int = SETTINGS) -> dict[str, Any]:
    """Return the dictionary of a JSON file; raises as `read_json`, and ValueError where it holds something else."""
    value = read_json(path, most_bytes)
    if isinstance(value, dict):
        return value
    raise ValueError(f"{path.name} holds {short(value)}, and not names with their values")


def short(value: object, most: int = 60) -> str:
    """Return what is said of a value in an error, on one line."""
    text = str(value) if isinstance(value, Exception) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]} …"
