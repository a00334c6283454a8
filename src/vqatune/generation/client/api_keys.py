"""API keys: where they come from, and how they stay out of everything that is written."""

import os
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path

from vqatune.errors import ParameterError
from vqatune.generation.providers import load_provider


def read_keys(provider: str, folder: Path = Path()) -> list[str]:
    """Return a provider's distinct keys: that of the environment variable, or else those in the key file, one per line.

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
        try:
            lines, where = file.read_text("utf-8-sig", errors="replace").splitlines(), str(file)
        except OSError as error:
            raise ParameterError(
                f"{file} cannot be read ({error.strerror}): correct its permissions, or set the environment variable "
                f"{variable}"
            ) from error
    found = {line.strip(): number for number, line in reversed(list(enumerate(lines, start=1)))}
    keys = sorted((key for key in found if key and not key.startswith("#")), key=found.__getitem__)
    for key in keys:
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ParameterError(
                f"{where}: line {found[key]} is no key: a key has neither spaces nor characters beyond ASCII"
            )
    if keys or not info.key_required:
        return keys or [""]
    raise ParameterError(
        f"generate.provider is {provider!r}, which needs a key: set the environment variable {variable}, or put it on "
        f"a line of {name} (git ignores that file{'; the one that is here holds none' if file.exists() else ''})"
    )


def key_mark(key: str) -> str:
    """Return a digest of a key, 16 hex digits, to recognise it by without storing it."""
    return blake2b(key.encode(), digest_size=8, person=b"vqatune key mark").hexdigest()


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
