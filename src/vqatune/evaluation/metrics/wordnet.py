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
from contextlib import suppress
from io import StringIO
from itertools import takewhile
from pathlib import Path

from vqatune.errors import DataError
from vqatune.runtime.output import say
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
            with (root / file).open("rb") as content:
                digest.update(hashlib.sha256(content.read()).digest())
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
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
    if installed():
        return "NLTK's data, where it was already"
    before = list(takewhile(lambda folder: Path(folder) != target, _search_path()))
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
    for path in (target, corpus.parent, corpus, *corpus.iterdir()):
        # NLTK takes nothing that others may write to.
        path.chmod(path.stat().st_mode & ~0o022)
    return True


def _search_path() -> list[str]:
    """Return NLTK's list of data folders; without importing NLTK, which takes a second, where it is not imported yet."""
    if "nltk" in sys.modules:
        return list(sys.modules["nltk"].data.path)
    own = [os.path.join(sys.prefix, *parts, "nltk_data") for parts in ((), ("share",), ("lib",))]
    system = [f"/usr/{parts}/nltk_data" for parts in ("share", "local/share", "lib", "local/lib")]
    given = [folder for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    return [os.path.expanduser(folder) for folder in [*given, "~/nltk_data"]] + own + system


def _found(paths: list[str] | None = None) -> Path | zipfile.Path | None:
    """Return the corpus that NLTK would read, whole or not, or None; paths: instead of all of NLTK's.

    A folder comes before an archive, wherever they lie. NLTK reads nothing that other users may write to.
    """
    folders = [Path(folder) for folder in (_search_path() if paths is None else paths)]
    for folder in folders:
        corpus = folder / "corpora" / "wordnet"
        if corpus.is_dir() and all(map(_private, (folder, corpus.parent, corpus))):
            return corpus
    for folder in folders:
        archive = folder / "corpora" / "wordnet.zip"
        if archive.exists() and all(map(_private, (folder, archive.parent, archive))):
            with suppress(OSError, zipfile.BadZipFile):
                zipped = zipfile.Path(archive, "wordnet/")
                if zipped.is_dir():
                    return zipped
    return None


def _private(path: Path) -> bool:
    """Whether nobody but this user and root may write to a path."""
    status = path.stat()
    return os.name != "posix" or (status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022)


def _place(paths: list[str] | None = None) -> Path | None:
    """Return the folder or archive that NLTK comes to first."""
    for resource in ("wordnet", "wordnet.zip"):
        for folder in _search_path() if paths is None else paths:
            if (place := Path(folder) / "corpora" / resource).exists():
                return place
    return None


def _whole(corpus: Path | zipfile.Path, name: str) -> bool:
    """Whether a file of the corpus is there to its end."""
    try:
        file = corpus / name
        if isinstance(file, zipfile.Path):
            # What an archive holds was written in one piece.
            return file.root.getinfo(file.at).file_size > 0
        with file.open("rb") as content:
            content.seek(-1, os.SEEK_END)
            return content.read() == b"\n" and _private(file)
    except (OSError, KeyError):
        return False


def _fetch(target: Path) -> str | None:
    import nltk

    if make_corpus(DEBIAN_FILES, target):
        return str(DEBIAN_FILES)
    socket.setdefaulttimeout(WAIT)
    with tempfile.TemporaryDirectory() as folder:
        # NLTK's long report of a failure; there is another source.
        ignored = StringIO()
        fetched = nltk.download("wordnet", download_dir=folder, quiet=True, print_error_to=ignored)
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
        say(f"WordNet: {error}")
        return
    if source:
        say(f"WordNet: from {source}")
    else:
        say(
            "WordNet: not to be had here, so METEOR and WUPS will be absent; "
            "install Debian's wordnet-base and wordnet-sense-index, or run nltk.download('wordnet')"
        )


if __name__ == "__main__":
    main()
