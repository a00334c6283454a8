"""WordNet for NLTK, from wherever it can be had: NLTK's data, Debian's files, NLTK's server, Debian's packages.

METEOR and WUPS are defined on it. Run as `python -m vqatune.evaluation.wordnet`; `make` does.
"""

import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

DEBIAN_FILES = Path("/usr/share/wordnet")
DEBIAN_PACKAGES = ["wordnet-base", "wordnet-sense-index"]
WAIT = 30
"""Seconds that a server may take to answer."""

_parts = {
    "adj": ["all", "pert"],
    "adv": ["all"],
    "noun": [
        *["Tops", "act", "animal", "artifact", "attribute", "body", "cognition", "communication", "event"],
        *["feeling", "food", "group", "location", "motive", "object", "person", "phenomenon", "plant"],
        *["possession", "process", "quantity", "relation", "shape", "state", "substance", "time"],
    ],
    "verb": [
        *[
            "body",
            "change",
            "cognition",
            "communication",
            "competition",
            "consumption",
            "contact",
            "creation",
        ],
        *["emotion", "motion", "perception", "possession", "social", "stative", "weather"],
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
    """Whether NLTK finds WordNet."""
    import nltk

    for name in ("corpora/wordnet", "corpora/wordnet.zip"):
        try:
            nltk.data.find(name)
        except LookupError:
            continue
        return True
    return False


def name() -> str:
    """Return a name that stands for the content of WordNet as NLTK finds it."""
    import nltk

    nouns = nltk.data.find("corpora/wordnet").join("data.noun").open()
    return hashlib.sha256(nouns.read()).hexdigest()


def copy_debian(files: Path, target: Path) -> bool:
    """Make NLTK's corpus folder from a folder of Debian's files; False where those are not all there."""
    if not all((files / name).exists() for name in ("data.noun", "index.noun", "index.sense", "cntlist.rev")):
        return False
    corpus = target / "corpora" / "wordnet"
    shutil.copytree(files, corpus, dirs_exist_ok=True)
    (corpus / "lexnames").write_text(lexnames(), encoding="ascii")
    return True


def install(target: Path) -> str | None:
    """Put WordNet into NLTK's data folder `target`; return where it came from, or None where it cannot be had."""
    import nltk

    if installed():
        return "NLTK's data, where it was already"
    if copy_debian(DEBIAN_FILES, target):
        return str(DEBIAN_FILES)
    socket.setdefaulttimeout(WAIT)
    # It tells of a failure at length, and there is another way yet.
    untold = StringIO()
    fetched = nltk.download("wordnet", download_dir=str(target), quiet=True, print_error_to=untold)
    if fetched and installed():
        return "NLTK's server"
    if shutil.which("apt-get") and _from_debian_packages(target):
        return "Debian's packages"
    return None


def _from_debian_packages(target: Path) -> bool:
    with tempfile.TemporaryDirectory() as name:
        download = ["apt-get", "-q", "download", *DEBIAN_PACKAGES]
        if subprocess.run(download, cwd=name, capture_output=True, check=False).returncode:
            # A new machine has no package lists yet; fetching them needs root.
            subprocess.run(["apt-get", "-q", "update"], capture_output=True, check=False)
            if subprocess.run(download, cwd=name, capture_output=True, check=False).returncode:
                return False
        for package in Path(name).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, name], check=True)
        return copy_debian(Path(name) / "usr/share/wordnet", target)


def main() -> None:
    """Install WordNet beside this Python and say from where; without it the exit status is still 0."""
    source = install(Path(sys.prefix) / "nltk_data")
    if source:
        print(f"WordNet: from {source}")
    else:
        print(
            "WordNet: not to be had here, so METEOR and WUPS will be absent; "
            "install Debian's wordnet-base and wordnet-sense-index, or run nltk.download('wordnet')"
        )


if __name__ == "__main__":
    main()
