"""Counts of kept and dropped pairs, added chunk by chunk, as a catalogue's pairs are never in memory at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import fsum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import CHECKS, DIFFICULTIES
from vqatune.generation.checks.cleaning import fold, map_distinct
from vqatune.generation.checks.question_types import QUESTION_TYPES
from vqatune.generation.checks.text_counts import TextCounts

SAMPLE_WORDS = 1000
"""The sample size, in words, at which type-token ratios of different runs are compared."""

TOP_ANSWERS = 30
NO_VALUE = "none"
"""The name under which missing difficulties, question types, generators, prompts and product types are counted."""

_COUNTED = ("types", "difficulties", "generators")
_TEXTS = ("answers", "questions", "question_words", "answer_words")
_by = ("generator", "prompt", "product_type")
_yes_no = frozenset(
    (
        "yes",
        "no",
        "ja",
        "nein",
        "oui",
        "non",
        "si",
        "sí",
        "sì",
        "sim",
        "não",
        "nee",
        "nej",
        "tak",
        "nie",
        "evet",
    )
    + (
        "hayır",
        "はい",
        "いいえ",
        "是",
        "否",
        "예",
        "아니요",
        "हाँ",
        "हां",
        "नहीं",
        "نعم",
        "لا",
        "да",
        "нет",
        "כן",
        "לא",
    )
)


class CheckTally:
    """Counts of pairs and of the checks that dropped them, independent of the order of the pairs and of their chunks.

    The tallies of the parts of a table add up: `state` and `of_states`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Count with files in a folder where there are many texts, or, without one, in memory."""
        self._checks: dict[tuple[str, str], Counter[str]] = {("all", "all"): Counter()}
        self._counted = {name: Counter[str]() for name in _COUNTED}
        self._texts = {name: TextCounts(folder and folder / name) for name in _TEXTS}
        self._images, self._fewest, self._most = 0, None, None

    def state(self) -> dict[str, Any]:
        """Return the counts for JSON; those of texts are in the folder's files, which it names."""
        return {
            "checks": [[by, value, counts] for (by, value), counts in self._checks.items()],
            "counted": self._counted,
            "texts": {name: [str(file) for file in texts.store()] for name, texts in self._texts.items()},
            "images": [self._images, self._fewest, self._most],
        }

    @classmethod
    def of_states(cls, states: Sequence[Mapping[str, Any]]) -> "CheckTally":
        """Return the sum of tallies of different images."""
        tally = cls()
        for state in states:
            for by, value, counts in state["checks"]:
                tally._checks.setdefault((by, value), Counter()).update(counts)
            for name, counts in state["counted"].items():
                tally._counted[name].update(counts)
            tally._count_images(*state["images"])
        tally._texts = {
            name: TextCounts(files=[Path(file) for state in states for file in state["texts"][name]])
            for name in _TEXTS
        }
        return tally

    def add(self, chunk: pd.DataFrame) -> None:
        """Count a chunk of pairs, all pairs of its images.

        `chunk` has image_id, question, answer, difficulty, question_type, product_type, generator, optionally prompt,
        and check: the name of the check that dropped a pair, missing for one that was kept. Raises DataError for an
        unknown check.
        """
        unknown = set(chunk["check"].dropna().unique()) - set(CHECKS)
        if unknown:
            raise DataError(
                f"the column check names {', '.join(sorted(unknown))}: the checks are {', '.join(CHECKS)}"
            )
        checks = chunk["check"].astype(object).where(chunk["check"].notna(), "kept")
        self._checks["all", "all"].update(_counts(checks))
        for name in _by:
            if name in chunk.columns:
                counted = checks.groupby(_named(chunk[name]), sort=False).value_counts()
                for (value, check), count in counted.items():
                    self._checks.setdefault((name, value), Counter())[check] += int(count)
        kept = chunk[chunk["check"].isna()]
        # An image counts even if none of its pairs is kept.
        per_image = chunk["check"].isna().groupby(chunk["image_id"], sort=False).sum()
        if len(per_image):
            self._count_images(len(per_image), int(per_image.min()), int(per_image.max()))
        self._counted["types"].update(_counts(_named(kept["question_type"])))
        self._counted["difficulties"].update(_counts(_named(kept["difficulty"].astype("Int8"))))
        self._counted["generators"].update(_counts(_named(kept["generator"])))
        self._texts["answers"].add(_counts(map_distinct(str.lower, kept["answer"])))
        questions = map_distinct(fold, kept["question"])
        # Their hashes, as questions are long and many.
        self._texts["questions"].add({_hashed(text): count for text, count in _counts(questions).items()})
        self._texts["question_words"].add(_words(questions))
        self._texts["answer_words"].add(_words(map_distinct(fold, kept["answer"])))

    def _count_images(self, images: int, fewest: int | None, most: int | None) -> None:
        self._images += images
        self._fewest = min((each for each in (self._fewest, fewest) if each is not None), default=None)
        self._most = max((each for each in (self._most, most) if each is not None), default=None)

    def report(self) -> dict[str, Any]:
        """Return the counts for JSON; shares and ratios are from 0 to 1, rounded to 6 places, null where undefined.

        pairs, kept, dropped (by check); then of the kept pairs: question_types and difficulties (missing ones under
        `none`), generators, pairs_per_image (mean, min, max over all images), answers (the 30 most frequent, in lower
        case), distinct_answers, yes_no_share, and type_token_diversity: of questions and of answers the number of
        `words` and of `distinct` ones, their `ratio`, and the ratio `in_1000_words` (see `expected_ratio`); of
        questions also distinct_share, the number of distinct questions over all images, divided by that of questions.
        """
        checks = self._checks["all", "all"]
        pairs, kept = checks.total(), checks["kept"]
        answers = _about_answers(self._texts["answers"])
        return {
            "pairs": pairs,
            "kept": kept,
            "dropped": {name: checks[name] for name in CHECKS},
            "question_types": _in_order(self._counted["types"], QUESTION_TYPES),
            "difficulties": _in_order(self._counted["difficulties"], DIFFICULTIES),
            "generators": dict(sorted(self._counted["generators"].items())),
            "pairs_per_image": {
                "mean": _share(kept, self._images),
                "min": self._fewest,
                "max": self._most,
            },
            "answers": [
                {"answer": text, "count": count, "share": _share(count, kept)} for text, count in answers.top
            ],
            "distinct_answers": answers.distinct,
            "yes_no_share": _share(answers.yes_no, kept),
            "type_token_diversity": {
                "questions": _diversity(self._texts["question_words"])
                | {"distinct_share": _share(_distinct(self._texts["questions"]), kept)},
                "answers": _diversity(self._texts["answer_words"]),
            },
        }

    def rates(self) -> pd.DataFrame:
        """Return the dropped pairs: a row for all pairs, then a row per generator, prompt and product type.

        Columns: by ('all', 'generator', 'prompt' or 'product_type'), value, pairs, dropped, share (dropped of pairs, 0
        to 1), and one for each check: the pairs that it dropped.
        """
        rows = []
        for by in ("all", *_by):
            for value in sorted(value for name, value in self._checks if name == by):
                checks = self._checks[by, value]
                dropped = checks.total() - checks["kept"]
                share = _share(dropped, checks.total())
                rows.append((by, value, checks.total(), dropped, share, *(checks[name] for name in CHECKS)))
        return pd.DataFrame(rows, columns=["by", "value", "pairs", "dropped", "share", *CHECKS])


def expected_ratio(counts: Mapping[str, int], words: int = SAMPLE_WORDS) -> float | None:
    """Return the expected type-token ratio of a random sample of `words` words; None where there are fewer.

    `counts` holds the frequency of each word. The plain ratio falls as a text grows (Templin 1957, Certain Language
    Skills in Children), so Johnson (1944, Studies in Language Behavior) takes the mean of it over segments of one
    length. This is the mean over all samples of that length, which no order of the text changes: of N words, one that
    occurs f times is in a sample of n with probability 1 - C(N - f, n) / C(N, n) (McCarthy and Jarvis 2007, vocd: A
    theoretical and empirical evaluation).
    """
    return _expected_ratio(Counter(counts.values()), words)


def _expected_ratio(frequencies: Mapping[int, int], words: int) -> float | None:
    """Return the ratio; `frequencies` holds how many words have each frequency."""
    total = sum(often * number for often, number in frequencies.items())
    if total < words:
        return None
    ordered = sorted(frequencies.items())
    left = (1.0 - _chance_of_none(total, often, words) for often, _ in ordered)
    return fsum(chance * number for chance, (_, number) in zip(left, ordered, strict=True)) / words


def _chance_of_none(total: int, often: int, words: int) -> float:
    """Return C(total - often, words) / C(total, words)."""
    if total - often < words:
        return 0.0
    return float(np.exp(np.log1p(-often / (total - np.arange(words))).sum()))


class _Answers(NamedTuple):
    distinct: int
    yes_no: int
    top: list[tuple[str, int]]
    """The most frequent, and how often each occurs."""


def _about_answers(answers: TextCounts) -> _Answers:
    distinct, yes_no, top = 0, 0, []
    for counts in answers.stretches():
        distinct += len(counts)
        yes_no += sum(counts.get(word, 0) for word in _yes_no)
        top = sorted([*top, *counts.items()], key=lambda item: (-item[1], item[0]))[:TOP_ANSWERS]
    return _Answers(distinct, yes_no, top)


def _distinct(texts: TextCounts) -> int:
    return sum(map(len, texts.stretches()))


def _hashed(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _words(texts: pd.Series) -> Counter[str]:
    counter: Counter[str] = Counter()
    for text, count in _counts(texts).items():
        for word in text.split():
            counter[word] += count
    return counter


def _counts(values: pd.Series) -> dict[str, int]:
    return {value: int(count) for value, count in values.value_counts(sort=False).items()}


def _named(values: pd.Series) -> pd.Series:
    """Return the values as text, NO_VALUE for those that are missing."""
    return values.astype(object).where(values.notna(), NO_VALUE).astype("str")


def _in_order(counts: Mapping[str, int], order: tuple) -> dict[str, int]:
    return {str(name): counts.get(str(name), 0) for name in (*order, NO_VALUE)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _diversity(words: TextCounts) -> dict[str, Any]:
    frequencies: Counter[int] = Counter()
    for counts in words.stretches():
        frequencies.update(counts.values())
    total, distinct = sum(often * number for often, number in frequencies.items()), frequencies.total()
    ratio = _expected_ratio(frequencies, SAMPLE_WORDS)
    return {
        "words": total,
        "distinct": distinct,
        "ratio": _share(distinct, total),
        f"in_{SAMPLE_WORDS}_words": None if ratio is None else round(ratio, 6),
    }
