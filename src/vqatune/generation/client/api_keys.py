"""API keys: where they come from, and how they stay out of everything that is written."""

import logging
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path
from typing import Any

from vqatune.errors import ParameterError
from vqatune.generation.providers import load_provider

_logger = logging.getLogger(__name__)

_SHORTEST = 8
"""Characters from which on a key is looked for in replies."""
_ASSIGNMENT = re.compile(r"^(?:export\s+)?[A-Z][A-Z0-9_]*\s*=\s*")
"""The beginning of a line of a .env file."""


def read_keys(provider: str, folder: Path = Path()) -> list[str]:
    """Return a provider's distinct keys: those of the environment variable, or else those in the key file.

    A key stands on a line of its own, or keys are parted by commas; they may be in quotes, after `NAME=` as in a .env file.
    Blank lines and lines that start with # are ignored. A provider that needs no key has the one key ''.

    Raises ParameterError where a required key is missing, the file cannot be read, a key has a character that no key
    has, or git would commit the file; the message never contains a key.
    """
    info = load_provider(provider).INFO
    if info.key_variable is None or info.key_file is None:
        return [""]
    variable, name = info.key_variable, info.key_file
    file = folder / name
    lines = [os.environ.get(variable, "")]
    where = f"the environment variable {variable}"
    if not lines[0].strip() and file.is_file():
        _check_ignored(file)
        _warn_if_open(file)
        try:
            lines, where = file.read_text("utf-8-sig", errors="replace").splitlines(), str(file)
        except OSError as error:
            raise ParameterError(
                f"{file} cannot be read ({error.strerror}): correct its permissions, or set the environment variable "
                f"{variable}"
            ) from error
    found: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        for key in _keys_of(line):
            found.setdefault(key, number)
    keys = list(found)
    for key in keys:
        if not re.fullmatch(r"[!-~]+", key) or re.search(r"[\"'`,;<>{}()\\]", key):
            raise ParameterError(
                f"{where}: line {found[key]} is no key: a key has letters, digits, and signs such as - and _, and neither "
                "spaces nor quotes"
            )
    if keys or not info.key_required:
        return keys or [""]
    raise ParameterError(
        f"generate.provider is {provider!r}, which needs a key: set the environment variable {variable}, or put it on "
        f"a line of {name} (git ignores that file{'; the one that is here holds none' if file.exists() else ''})"
    )


def _keys_of(line: str) -> list[str]:
    """Return the keys on a line, as they are meant: without NAME=, quotes and the commas between them."""
    text = line.strip()
    if text.startswith("#"):
        return []
    text = _unquoted(_ASSIGNMENT.sub("", text))
    return [key for part in re.split("[,;]", text) if (key := _unquoted(part.strip()))]


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return inner.strip() if len(text) > 1 and text[0] == text[-1] in "\"'" and text[0] not in inner else text


def key_mark(key: str) -> str:
    """Return a digest of a key, 16 hex digits, to recognise it by without storing it."""
    return blake2b(key.encode(), digest_size=8, person=b"vqatune key mark").hexdigest()


def without_keys(value: Any, keys: Collection[str]) -> Any:
    """Return a reply's JSON without the keys that a server sent back, whose places are marked."""
    if isinstance(value, str):
        for key in keys:
            # What a server on this machine takes as a key may be any word.
            value = value.replace(key, "[API key]") if len(key) >= _SHORTEST else value
        return value
    if isinstance(value, list):
        return [without_keys(each, keys) for each in value]
    if isinstance(value, dict):
        return {without_keys(name, keys): without_keys(each, keys) for name, each in value.items()}
    return value


def _warn_if_open(file: Path) -> None:
    if os.name == "posix" and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        _logger.warning("others on this machine can read the keys in %s: `chmod 600 %s`", file, file)


def _check_ignored(file: Path) -> None:
    """Raise ParameterError where git does not ignore the file, or tracks it."""
    if not shutil.which("git"):
        return
    told = subprocess.run(
        ["git", "check-ignore", "-q", file.name], cwd=file.absolute().parent, capture_output=True, check=False
    )
    # 0: ignored; 128: no repository; 1: git would commit the file, or tracks it already.
    if told.returncode == 1:
        raise ParameterError(
            f"git does not ignore {file}, so a commit could publish its keys: add it to .gitignore, and if it has been "
            f"committed, `git rm --cached {file.name}` and replace the keys"
        )
