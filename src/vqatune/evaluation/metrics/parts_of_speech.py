"""The part of speech of a reference's tokens, and how many of each the prediction has.

Tags are the first (most frequent) ones of the lexicon of Brill's tagger, as textblob bundles it; E. Brill, "A
simple rule-based part of speech tagger", 1992.
"""

import re
from collections import Counter
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import punctuation

from vqatune.evaluation.metrics.text import tokens

PARTS_OF_SPEECH = ("noun", "adjective", "verb", "number", "other")

_NUMBER = re.compile(r"[-+#$€£]?\d[\d.,:/]*%?")
# The first two letters of the Penn Treebank's tags; all others are `other`.
_PARTS = {"NN": "noun", "JJ": "adjective", "VB": "verb", "MD": "verb", "CD": "number"}


@lru_cache(maxsize=1 << 16)
def part_of_speech(token: str) -> str:
    """Return the part of speech of a token of the plain form, one of PARTS_OF_SPEECH.

    Digits with their separators and signs are a number. A word is looked up without the punctuation around it,
    then with a capital, as the lexicon has names; one that it lacks is a noun, which is Brill's own first guess.
    """
    if _NUMBER.fullmatch(token):
        return "number"
    word = token.strip(punctuation)
    if not any(map(str.isalnum, word)):
        return "other"
    tag = _lexicon().get(word) or _lexicon().get(word.capitalize()) or "NN"
    return _PARTS.get(tag[:2], "other")


@lru_cache(maxsize=1 << 16)
def overlap_by_part_of_speech(prediction: str, reference: str) -> dict[str, tuple[int, int]]:
    """Count the reference's tokens by part of speech: part → (those the prediction has, all), as multisets.

    A part of speech that the reference does not have is not in the result.
    """
    wanted = Counter(tokens(reference))
    shared = wanted & Counter(tokens(prediction))
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for token, count in wanted.items():
        part = part_of_speech(token)
        found[part] += shared[token]
        total[part] += count
    return {part: (found[part], total[part]) for part in PARTS_OF_SPEECH if part in total}


@cache
def _lexicon() -> dict[str, str]:
    # Not through importlib.resources, which imports textblob, and with it all of NLTK.
    spec = find_spec("textblob")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    text = (package / "en" / "en-lexicon.txt").read_text(encoding="utf-8")
    entries = (line.split(" ") for line in text.splitlines() if " " in line and not line.startswith(";;;"))
    return {entry[0]: entry[1] for entry in entries}
