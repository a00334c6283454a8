"""What libraries make anew in every process, and what it makes from does not change: made once, before the fork.

transformers' conversions of old checkpoints' names, NLTK's index of WordNet, and the charting script of a page take up
to a second each.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import vl_convert
from altair.utils._importers import vl_version_for_vl_convert
from nltk.corpus.reader import WordNetCorpusReader
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from vqatune.evaluation.metrics import wordnet, wups

WORDNET = {
    "_scan_satellites": "satellite_offsets",
    "_load_lemma_pos_offset_map": "_lemma_pos_offset_map",
    "_load_exception_map": "_exception_map",
}
"""What NLTK's reader does when it is made → the attribute that it fills."""


def keep_wordnet() -> None:
    """Let the readers of the WordNet that is installed now have what one of them has read."""
    first = wups.wordnet()
    state = _state(first)

    def kept(load: Callable[[Any], None], content: Any, attribute: str) -> Callable[[Any], None]:
        @wraps(load)
        def give(reader: Any) -> None:
            # Another folder, or other files in it, is read.
            if _state(reader) == state:
                setattr(reader, attribute, content)
            else:
                load(reader)

        return give

    for method, attribute in WORDNET.items():
        own = kept(getattr(WordNetCorpusReader, method), getattr(first, attribute), attribute)
        setattr(WordNetCorpusReader, method, own)


def _state(reader: Any) -> list[tuple]:
    paths = [Path(str(path)) for path in reader.abspaths() if Path(str(path)).exists()]
    return [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in paths]


def keep_charting_script() -> None:
    """Let vl_convert answer with the script that it has made."""
    make, version = vl_convert.javascript_bundle, vl_version_for_vl_convert()
    # Its threads would be missing in a forked process, which may ask for something else.
    code = f"import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle(vl_version={version!r}))"
    made = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout.decode()

    @wraps(make)
    def javascript_bundle(snippet: str | None = None, vl_version: str | None = None) -> str:
        return made if snippet is None and vl_version == version else make(snippet, vl_version)

    vl_convert.javascript_bundle = javascript_bundle


get_checkpoint_conversion_mapping("blip")
keep_charting_script()
if wordnet.installed():
    keep_wordnet()
