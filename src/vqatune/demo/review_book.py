"""The pairs that people review, and their verdicts, each on disk before the next pair is shown."""

import json
import threading
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.cleaning import clean_answer, clean_question, fold
from vqatune.generation.checks.reviews import COLUMNS, VERDICTS, add_reviews, read_reviews, write_reviews

_LONGEST_FIELD = 400
"""Characters of a field of the metadata that are shown."""


class ReviewBook:
    """Drawn pairs, in their order, with the verdicts of everyone in a file; used by several people at once.

    pairs: the columns of tables.CHECKED and metadata, archive, offset and length of their images. path: the file, which need
    not be there. Raises DataError where it is damaged.
    """

    def __init__(self, pairs: pd.DataFrame, path: Path) -> None:
        self._pairs = pairs.to_dict("records")
        self._path = path
        self._lock = threading.Lock()
        self._reviews = (
            read_reviews(path) if path.exists() else pd.DataFrame(columns=list(COLUMNS), dtype="str")
        )
        self._said: dict[tuple[str, str, str], str] = {
            (row["qa_id"], fold(row["answer"]), row["reviewer"]): row["verdict"]
            for row in self._reviews.to_dict("records")
        }

    def __len__(self) -> int:
        return len(self._pairs)

    def pair(self, place: int) -> dict[str, Any]:
        """Return a pair by its place, from 0."""
        return self._pairs[place]

    def fields(self, place: int) -> list[tuple[str, str]]:
        """Return the metadata of a pair's image: name and text."""
        fields = json.loads(self._pairs[place]["metadata"])
        return [
            (name.replace("_", " "), "; ".join(map(str, values))[:_LONGEST_FIELD])
            for name, values in fields.items()
        ]

    def said(self, place: int, reviewer: str) -> str | None:
        """Return what a person has said of a pair; None where nothing."""
        return self._said.get((*self._key(place), reviewer))

    def count(self, reviewer: str) -> int:
        """Return how many of the pairs a person has reviewed."""
        return sum(self.said(place, reviewer) is not None for place in range(len(self._pairs)))

    def next_place(self, reviewer: str, start: int) -> int:
        """Return the place of the next pair, from `start` on, that a person has not reviewed; the number of pairs where none."""
        places = range(start, len(self._pairs))
        return next((place for place in places if self.said(place, reviewer) is None), len(self._pairs))

    def record(
        self, place: int, reviewer: str, verdict: str, new_question: str = "", new_answer: str = ""
    ) -> None:
        """Write a verdict to the file; one of the same person on the same pair is replaced.

        Raises DataError where there is no name, pair or change in a mended pair, or the file cannot be written.
        """
        if not reviewer:
            raise DataError("write your name first: two people's verdicts are told apart by it")
        if not (0 <= place < len(self._pairs) and verdict in VERDICTS):
            raise DataError("there is no such pair or verdict")
        pair = self._pairs[place]
        question, answer = clean_question(new_question), clean_answer(new_answer)
        question, answer = (
            "" if new == pair[name] else new for name, new in (("question", question), ("answer", answer))
        )
        if verdict == "mend" and not (question or answer):
            raise DataError("change the question or the answer, or say that the pair is right")
        row = {name: _text(pair.get(name)) for name in COLUMNS} | {"reviewer": reviewer, "verdict": verdict}
        row |= {"new_question": question, "new_answer": answer} if verdict == "mend" else {}
        with self._lock:
            # Someone else may have merged reviews into the file meanwhile.
            reviews = read_reviews(self._path) if self._path.exists() else self._reviews
            reviews = add_reviews(reviews, pd.DataFrame([row], dtype="str"))
            try:
                write_reviews(reviews, self._path)
            except OSError as error:
                raise DataError(f"{self._path} cannot be written ({error.strerror})") from error
            self._reviews = reviews
            self._said[(*self._key(place), reviewer)] = verdict

    def _key(self, place: int) -> tuple[str, str]:
        pair = self._pairs[place]
        return pair["qa_id"], fold(pair["answer"])


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)
