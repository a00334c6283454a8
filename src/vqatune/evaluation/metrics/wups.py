"""WUPS: how near two answers are in WordNet's tree of nouns; (prediction, references) → a score in [0, 1].

Malinowski & Fritz, "A multi-world approach to question answering about real-world scenes based on uncertain
input", 2014, on NLTK's Wu-Palmer similarity (Wu & Palmer 1994). NLTK walks the tree for every pair of synsets;
here each synset's ancestors are computed once, and a pair of words is an intersection of two tables, with
NLTK's number to the last bit.
"""

import os
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from zipfile import BadZipFile

from vqatune.evaluation.metrics.text import plain

READING = threading.RLock()
"""To be held while NLTK's WordNet is read: a reader has one position in its files, whatever thread asks."""


def wups_00(prediction: str, references: Sequence[str]) -> float:
    """Return the best WUPS over the references without a threshold."""
    return max(wups(prediction, reference, 0.0) for reference in references)


def wups_09(prediction: str, references: Sequence[str]) -> float:
    """Return the best WUPS over the references with threshold 0.9."""
    return max(wups(prediction, reference, 0.9) for reference in references)


def wups(prediction: str, reference: str, threshold: float) -> float:
    """Return the WUPS of two texts, a number in [0, 1] that does not depend on which of them is the prediction.

    A text is the set of what stands between its commas. Each item counts as much as the most similar one of the
    other side, a similarity below the threshold being multiplied by 0.1; the score is the lesser of the products
    over either side's items. A text without items is empty: two such texts score 1, one scores 0. Raises DataError
    where two items are to be compared and WordNet is not installed.
    """
    ours, theirs = _items(prediction), _items(reference)
    if ours == theirs:
        return 1.0
    if not ours or not theirs:
        return 0.0
    covered = _covered(ours, theirs, threshold)
    return min(covered, _covered(theirs, ours, threshold)) if covered else 0.0


def similarity(item: str, other: str) -> float:
    """Return 1 for equal strings, else the greatest `wup_similarity` of a noun synset of the one and of the other.

    0 where one of them is no noun that WordNet knows; words of an item are joined by `_`. NLTK's similarity is not
    quite symmetric; a synset of `item` is the one whose method is called. Raises DataError where WordNet is not
    installed.
    """
    if item == other:
        return 1.0
    ours, theirs = _noun(item), _noun(other)
    if not ours.senses or not theirs.senses:
        return 0.0
    our_steps, their_steps, twice_depth = ours.steps, theirs.steps, _twice_depth
    best, meeting = 0.0, None
    for place in our_steps.keys() & their_steps.keys():
        twice = twice_depth[place]
        bound = twice / (twice + our_steps[place] + their_steps[place])
        if bound > best:
            best, meeting = bound, place
    if meeting is None:
        return 0.0
    # No two senses are nearer; the two nearest to the meeting place are as near if NLTK lets them meet there.
    if _sense_similarity(ours.nearest(meeting), theirs.nearest(meeting)) == best:
        return best
    return max(_sense_similarity(first, second) for first in ours.senses for second in theirs.senses)


def wordnet() -> Any:
    """Return NLTK's reader of WordNet, one a process; hold READING while using it.

    Raises DataError where WordNet is not installed.
    """
    # A forked process would share the position in the files with its parent.
    return _reader(os.getpid())


@dataclass(frozen=True, slots=True)
class _Sense:
    """A noun synset and its ancestors, itself among them; a synset is known by its offset in WordNet's file."""

    place: int
    name: str
    min_depth: int
    max_depth: int
    straight: dict[int, int]
    """Ancestor → steps up to it."""
    steps: dict[int, int]
    """Ancestor → steps to it on the shortest path, which may go up past it and down again."""
    deepest_first: tuple[int, ...]
    """The ancestors as NLTK prefers them for a common one: by least depth, the greatest first, then by name."""
    tied: bool
    """Whether NLTK, starting from this synset, prefers the synset itself to an ancestor that comes before it."""


@dataclass(frozen=True, slots=True)
class _Noun:
    """The noun synsets of a word."""

    senses: tuple[_Sense, ...]
    steps: dict[int, int]
    """Ancestor of any of them → steps to it from the nearest."""

    def nearest(self, place: int) -> _Sense:
        steps = self.steps[place]
        return next(sense for sense in self.senses if sense.steps.get(place) == steps)


_twice_depth: dict[int, float] = {}
"""Twice the number of synsets on the longest way from a synset up to the root; for each in a table."""


def _covered(items: tuple[str, ...], others: tuple[str, ...], threshold: float) -> float:
    """Return the product, over the items, of how similar the most similar other is."""
    product = 1.0
    for item in items:
        if item not in others:
            best = max(similarity(item, other) for other in others)
            product *= best if best >= threshold else 0.1 * best
            if not product:
                break
    return product


@lru_cache(maxsize=1 << 16)
def _items(text: str) -> tuple[str, ...]:
    """Return what stands between the commas of the plain form: sorted, each once, `_` for spaces."""
    parts = (part.strip() for part in plain(text).split(","))
    return tuple(sorted({part.replace(" ", "_") for part in parts if part}))


def _sense_similarity(first: _Sense, second: _Sense) -> float:
    """Return what NLTK's first.wup_similarity(second) gives; 0 where it gives None."""
    theirs = second.steps
    if first.tied and first.place in theirs:
        place = first.place
    else:
        for place in first.deepest_first:
            if place in theirs:
                break
        else:
            return 0.0
    twice = _twice_depth[place]
    return twice / (twice + first.steps[place] + theirs[place])


@lru_cache(maxsize=1 << 15)
def _noun(item: str) -> _Noun:
    with READING:
        senses = tuple(_sense(synset.offset()) for synset in wordnet().synsets(item, "n"))
    if len(senses) == 1:
        return _Noun(senses, senses[0].steps)
    steps: dict[int, int] = {}
    for sense in senses:
        for place, count in sense.steps.items():
            steps[place] = min(count, steps.get(place, count))
    return _Noun(senses, steps)


@cache
def _sense(place: int) -> _Sense:
    synset = wordnet().synset_from_pos_and_offset("n", place)
    parents = [_sense(parent.offset()) for parent in synset.hypernyms() + synset.instance_hypernyms()]
    straight = {place: 0}
    for parent in parents:
        for above, count in parent.straight.items():
            straight[above] = min(count + 1, straight.get(above, count + 1))
    min_depth = 1 + min(parent.min_depth for parent in parents) if parents else 0
    max_depth = 1 + max(parent.max_depth for parent in parents) if parents else 0
    ancestors = {above: _sense(above) for above in straight if above != place}
    steps = {place: 0} | {
        above: min(straight[common] + count for common, count in sense.straight.items())
        for above, sense in ancestors.items()
    }
    preference = {place: (-min_depth, synset.name())} | {
        above: (-sense.min_depth, sense.name) for above, sense in ancestors.items()
    }
    deepest_first = tuple(sorted(preference, key=preference.__getitem__))
    _twice_depth[place] = 2.0 * (max_depth + 1)
    return _Sense(
        place,
        synset.name(),
        min_depth,
        max_depth,
        straight,
        straight if steps == straight else steps,
        deepest_first,
        tied=deepest_first[0] != place and preference[deepest_first[0]][0] == -min_depth,
    )


@lru_cache(maxsize=1)
def _reader(process: int) -> Any:
    from nltk.corpus.reader import CorpusReader, WordNetCorpusReader
    from nltk.corpus.reader.wordnet import WordNetError
    from nltk.corpus.util import LazyCorpusLoader

    # Not above, where it would be loaded before it is run as a command.
    from vqatune.evaluation.metrics.wordnet import installed, unusable

    class English(WordNetCorpusReader):  # type: ignore[misc]
        """WordNet without NLTK's map to other languages, which takes seconds to build."""

        def map_wn(self, version: str = "wordnet") -> None:
            return None

    if not installed():
        raise unusable()

    # NLTK's own `wordnet` belongs to whoever uses it beside us, without our lock.
    other_languages = LazyCorpusLoader("omw-1.4", CorpusReader, r".*/wn-data-.*\.tab", encoding="utf8")
    reader = LazyCorpusLoader("wordnet", English, other_languages)
    try:
        reader.ensure_loaded()
    except (LookupError, OSError, ValueError, AssertionError, BadZipFile, zlib.error, WordNetError) as error:
        raise unusable() from error
    return reader
