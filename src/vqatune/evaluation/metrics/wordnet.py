"""WordNet for NLTK, from wherever it can be had: NLTK's data, Debian's files, NLTK's server, Debian's packages.

METEOR and WUPS are defined on it. Run as `python -m vqatune.evaluation.metrics.wordnet`; `make` does.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
import zlib
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import Any

from vqatune.errors import DataError
from vqatune.tables import replacing_folder

DEBIAN_FILES = Path("/usr/share/wordnet")
DEBIAN_PACKAGES = ["wordnet-base", "wordnet-sense-index"]
WAIT = 30
"""Seconds that a server may take to answer."""
FILES = [
    *["lexnames", "index.sense"],
    *[f"{kind}.{part}" for kind in ("data", "index") for part in ("adj", "adv", "noun", "verb")],
    *[f"{part}.exc" for part in ("adj", "adv", "noun", "verb")],
]
"""What NLTK reads; of all that comes with them, only the counts of tagged senses are not among these."""

_parts = {
    "adj": ["all", "pert"],
    "adv": ["all"],
    "noun": [
        *["Tops", "act", "animal", "artifact", "attribute", "body", "cognition", "communication", "event"],
        *["feeling", "food", "group", "location", "motive", "object", "person", "phenomenon", "plant"],
        *["possession", "process", "quantity", "relation", "shape", "state", "substance", "time"],
    ],
    "verb": [
        *["body", "change", "cognition", "communication", "competition", "consumption", "contact"],
        *["creation", "emotion", "motion", "perception", "possession", "social", "stative", "weather"],
    ],
}
_syntax = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}


def lexnames() -> str:
    """Return WordNet's file of lexicographer files (lexnames(5WN)), which Debian's packages leave out."""
    names = [f"{part}.{name}" for part, names in _parts.items() for name in names] + ["adj.ppl"]
    return "".join(
        f"{place:02d}\t{name}\t{_syntax[name.split('.')[0]]}\n" for place, name in enumerate(names)
    )


def installed() -> bool:
    """Whether NLTK finds WordNet with every file that it reads for METEOR and WUPS, none of them empty or cut off."""
    root = _found()
    return root is not None and all(_whole(root, file) for file in FILES)


def name() -> str:
    """Return a name that stands for the content of all of WordNet's files as NLTK finds them.

    Raises DataError where they are not all there or cannot be read.
    """
    root, digest = _found(), hashlib.sha256()
    if root is None:
        raise unusable()
    try:
        for file in FILES:
            with root.join(file).open() as content:
                digest.update(hashlib.sha256(content.read()).digest())
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise unusable() from error
    return digest.hexdigest()


def unusable() -> DataError:
    """Return the error to raise where WordNet is not installed, or not wholly."""
    place = _place()
    what = "is not installed here" if place is None else f"is incomplete or cannot be read in {place}"
    return DataError(
        f"METEOR and WUPS need WordNet, which {what}: run `make` or `python -m vqatune.evaluation.metrics.wordnet`"
    )


def install(target: Path) -> str | None:
    """Put WordNet into NLTK's data folder `target`, in the place of one that is not whole.

    Returns where it came from, or None where it cannot be had. Raises DataError where NLTK would go on reading an
    incomplete one that lies elsewhere, and where `target` cannot be written.
    """
    import nltk

    if installed():
        return "NLTK's data, where it was already"
    before = list(takewhile(lambda folder: Path(folder) != target, nltk.data.path))
    if (place := _place(before)) and place.suffix != ".zip" and _found(before):
        raise DataError(
            f"NLTK reads WordNet from {place}, which is incomplete: delete it, then run "
            "`python -m vqatune.evaluation.metrics.wordnet` again"
        )
    try:
        return _fetch(target)
    except OSError as error:
        raise DataError(
            f"WordNet cannot be written to {target} ({error.strerror or error}): free or unlock it, then run "
            "`python -m vqatune.evaluation.metrics.wordnet` again"
        ) from error


def make_corpus(files: Path, target: Path) -> bool:
    """Make NLTK's corpus in `target` from a folder of WordNet's files, all at once; False where some are missing.

    `lexnames` may be missing; what was in the corpus' place before is gone.
    """
    if not all((files / file).is_file() for file in FILES if file != "lexnames"):
        return False
    corpus = target / "corpora" / "wordnet"
    with replacing_folder(corpus) as unfinished:
        shutil.copytree(files, unfinished, dirs_exist_ok=True)
        if not (files / "lexnames").is_file():
            (unfinished / "lexnames").write_text(lexnames(), encoding="ascii")
    for folder in (target, corpus.parent, corpus):
        # NLTK takes nothing from a folder that others may write to.
        folder.chmod(folder.stat().st_mode & ~0o022)
    return True


def _found(paths: list[str] | None = None) -> Any:
    """Return NLTK's pointer to the corpus that it would read, whole or not, or None; paths: instead of all of NLTK's."""
    import nltk

    for resource in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        try:
            return nltk.data.find(resource, paths)
        except (LookupError, OSError, zipfile.BadZipFile):
            continue
    return None


def _place(paths: list[str] | None = None) -> Path | None:
    """Return the folder or archive that NLTK comes to first."""
    import nltk

    for resource in ("wordnet", "wordnet.zip"):
        for folder in nltk.data.path if paths is None else paths:
            if (place := Path(folder) / "corpora" / resource).exists():
                return place
    return None


def _whole(root: Any, file: str) -> bool:
    try:
        pointer = root.join(file)
        if not isinstance(pointer, str):
            # What an archive holds was written in one piece.
            return pointer.file_size() > 0
        with Path(pointer).open("rb") as content:
            content.seek(-1, os.SEEK_END)
            return content.read() == b"\n"
    except OSError:
        return False


def _fetch(target: Path) -> str | None:
    import nltk

    if make_corpus(DEBIAN_FILES, target):
        return str(DEBIAN_FILES)
    socket.setdefaulttimeout(WAIT)
    with tempfile.TemporaryDirectory() as folder:
        # It tells of a failure at length, and there is another way yet.
        untold = StringIO()
        fetched = nltk.download("wordnet", download_dir=folder, quiet=True, print_error_to=untold)
        if fetched:
            shutil.unpack_archive(Path(folder) / "corpora" / "wordnet.zip", folder)
            if make_corpus(Path(folder) / "wordnet", target):
                return "NLTK's server"
    if shutil.which("apt-get") and _from_debian_packages(target):
        return "Debian's packages"
    return None


def _from_debian_packages(target: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "-q", "download", *DEBIAN_PACKAGES]
        if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
            # A new machine has no package lists yet; fetching them needs root.
            subprocess.run(["apt-get", "-q", "update"], capture_output=True, check=False)
            if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
                return False
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        return make_corpus(Path(folder) / "usr/share/wordnet", target)


def main() -> None:
    """Install WordNet beside this Python and say from where, or what is wrong; the exit status is 0 either way."""
    try:
        source = install(Path(sys.prefix) / "nltk_data")
    except DataError as error:
        print(f"WordNet: {error}")
        return
    if source:
        print(f"WordNet: from {source}")
    else:
        print(
            "WordNet: not to be had here, so METEOR and WUPS will be absent; "
            "install Debian's wordnet-base and wordnet-sense-index, or run nltk.download('wordnet')"
        )


if __name__ == "__main__":
    main()
