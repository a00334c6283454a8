"""The keys of a provider: where they come from, and keeping them out of everything that is written."""

import os
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path

from vqatune.errors import ParameterError

_SOURCES = {
    "gemini": ("GEMINI_API_KEY", ".gemini-key"),
    "gemini_legacy": ("GEMINI_API_KEY", ".gemini-key"),
    "batch": ("GEMINI_API_KEY", ".gemini-key"),
    "openai": ("OPENAI_API_KEY", ".openai-key"),
}


def read_keys(provider: str, folder: Path = Path()) -> list[str]:
    """Return a provider's keys, each once: the environment's, or else those in the key file, one per line.

    Blank lines and lines that start with # are left out. A provider that may do without (openai, local) has the one
    key ''.

    Raises ParameterError where a needed key is missing, where the file cannot be read, where a key has a character
    that no key has, or where git would commit the file; the message never holds a key.
    """
    if provider not in _SOURCES:
        return [""]
    variable, name = _SOURCES[provider]
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
                f"{where}: line {found[key]} is no key: a key has neither spaces nor signs beyond ASCII"
            )
    if keys or provider == "openai":
        return keys or [""]
    raise ParameterError(
        f"generate.provider is {provider!r}, which needs a key: set the environment variable {variable}, or put it on "
        f"a line of {name} (git ignores that file{'; the one that is here holds none' if file.exists() else ''})"
    )


def key_mark(key: str) -> str:
    """Return 16 hex digits by which a key is known again and from which it cannot be told."""
    return blake2b(key.encode(), digest_size=8, person=b"vqatune key mark").hexdigest()


def _check_ignored(file: Path) -> None:
    """Raise ParameterError where git would take the file into a commit, or has done so."""
    if not shutil.which("git"):
        return
    told = subprocess.run(
        ["git", "check-ignore", "-q", file.name], cwd=file.absolute().parent, capture_output=True, check=False
    )
    # 0 is ignored, 128 is no repository; 1 is what git would commit, and what it tracks already.
    if told.returncode == 1:
        raise ParameterError(
            f"git does not ignore {file}, so a commit could publish its keys: add it to .gitignore, and if it has been "
            f"committed, `git rm --cached {file.name}` and replace the keys"
        )
