"""Reviews: what people say of pairs, in a CSV that git keeps; pairs that are wrong are dropped, mended ones replaced.

A reviewed pair is found by its qa_id and its answer, since two generators may answer one question differently.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.cleaning import clean_answer, clean_question, fold
from vqatune.generation.checks.qa_ids import qa_ids
from vqatune.tables import write_csv
from vqatune.text_files.delimited import parse_rows

VERDICTS = ("right", "wrong", "unclear", "mend")
COLUMNS = (
    "qa_id",
    "reviewer",
    "verdict",
    "new_question",
    "new_answer",
    "image_id",
    "question",
    "answer",
    "generator",
    "question_type",
    "check",
)
"""A verdict of one person on one pair. The new question and answer are those of a mended pair, and empty otherwise; the
rest is the pair as it was then, `check` empty where it was kept."""
DISAGREED = "disagreed"
"""What is settled where as many people say one thing as another."""
_NEEDED = ("qa_id", "reviewer", "verdict", "answer")
_MOST_MENDS = 10
"""A mended pair may be reviewed and mended again, so often."""

Key = tuple[str, str]
"""A pair's qa_id and its folded answer."""


@dataclass(frozen=True)
class Settled:
    """What the people who reviewed a pair say together."""

    verdict: str
    """One of VERDICTS, or DISAGREED."""
    new_question: str = ""
    new_answer: str = ""


@dataclass
class Reviews:
    """Settled reviews by pair, and how many pairs they decided on so far."""

    settled: Mapping[Key, Settled]
    found: int = 0
    """Pairs that were reviewed."""
    decided: Counter[str] = field(default_factory=Counter)
    """By verdict, how often it decided on a pair; a mended pair may have been reviewed again."""

    def report(self) -> dict[str, int]:
        """Return the number of reviewed pairs, of those among the pairs, and of those dropped and replaced."""
        return {
            "pairs": len(self.settled),
            "found": self.found,
            "dropped": self.decided["wrong"],
            "replaced": self.decided["mend"],
        }


def read_reviews(path: Path | str) -> pd.DataFrame:
    """Read a file of reviews: COLUMNS as text, empty where a cell is, in the order of the file.

    Raises DataError where it is missing, lacks a column, or a row has no or another verdict; the message names the line.
    """
    path = Path(path)
    rows: list[dict[str, str]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            parsed = parse_rows(path, lines)
            _, names = next(parsed, (1, []))
            if lacking := [name for name in _NEEDED if name not in names]:
                raise DataError(
                    f"{path} lacks the column(s) {', '.join(lacking)}; it has: {', '.join(names)}"
                )
            for line, cells in parsed:
                row = dict(zip(names, cells, strict=True))
                rows.append({name: row.get(name, "").strip() for name in COLUMNS})
                _check(rows[-1], f"{path}, line {line}")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: `vqatune review` writes it") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error}): convert it") from error
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")


def _check(row: Mapping[str, str], where: str) -> None:
    if row["verdict"] not in VERDICTS:
        raise DataError(f"{where}: the verdict is {row['verdict']!r}, and not one of {', '.join(VERDICTS)}")
    if not (row["qa_id"] and row["reviewer"]):
        raise DataError(f"{where}: it lacks its {'reviewer' if row['qa_id'] else 'qa_id'}")
    if row["verdict"] == "mend" and not (row["new_question"] or row["new_answer"]):
        raise DataError(f"{where}: it says mend, and has neither a new question nor a new answer")


def write_reviews(reviews: pd.DataFrame, path: Path) -> None:
    """Write a file of reviews in the order of its pairs and reviewers, so that those of two people merge in git."""
    order = ["qa_id", "answer", "reviewer"]
    write_csv(reviews.sort_values(order, kind="stable", ignore_index=True)[list(COLUMNS)], path)


def add_reviews(reviews: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Return the reviews with more of them; of one person on one pair, the last one counts."""
    both = pd.concat([reviews, more], ignore_index=True)[list(COLUMNS)]
    keys = both.assign(answer=both["answer"].map(fold))
    return both[~keys.duplicated(["qa_id", "answer", "reviewer"], keep="last")].reset_index(drop=True)


def settle(reviews: pd.DataFrame) -> dict[Key, Settled]:
    """Return what is settled on every reviewed pair.

    Of those who do not say `unclear`, the most decide; where as many say one thing as another, it is DISAGREED, which changes
    nothing. Of mended texts, the one that most people give is taken, of equals that of the first reviewer by name.
    """
    by_pair: dict[Key, list[dict]] = {}
    for row in reviews.sort_values("reviewer", kind="stable").to_dict("records"):
        by_pair.setdefault((row["qa_id"], fold(row["answer"])), []).append(row)
    return {key: _settled(rows) for key, rows in by_pair.items()}


def _settled(rows: Sequence[dict]) -> Settled:
    said = Counter(row["verdict"] for row in rows if row["verdict"] != "unclear")
    if not said:
        return Settled("unclear")
    [(verdict, most), *others] = said.most_common()
    if others and others[0][1] == most:
        return Settled(DISAGREED)
    if verdict != "mend":
        return Settled(verdict)
    # Counter keeps the order in which texts came, that of the reviewers.
    texts = Counter((row["new_question"], row["new_answer"]) for row in rows if row["verdict"] == "mend")
    return Settled("mend", *texts.most_common(1)[0][0])


def apply_reviews(pairs: pd.DataFrame, ids: pd.Series, reviews: Reviews) -> tuple[pd.DataFrame, pd.Series]:
    """Return the pairs with those that were mended in place of what they were, and which are wrong (bool).

    pairs: clean, with image_id, question and answer. ids: their qa_id.
    """
    pairs, wrong = pairs.copy(), pd.Series(False, index=pairs.index)
    known = {qa_id for qa_id, _ in reviews.settled}
    left = pairs.index[ids.isin(known)]
    for turn in range(_MOST_MENDS):
        mended = []
        for row in left:
            found = reviews.settled.get((ids[row], fold(pairs.at[row, "answer"])))
            if found is None:
                continue
            reviews.found += turn == 0
            reviews.decided[found.verdict] += 1
            if found.verdict == "wrong":
                wrong[row] = True
            elif found.verdict == "mend":
                pairs.at[row, "question"] = clean_question(found.new_question) or pairs.at[row, "question"]
                pairs.at[row, "answer"] = clean_answer(found.new_answer) or pairs.at[row, "answer"]
                mended.append(row)
        if not mended:
            break
        left = pd.Index(mended)
        ids = qa_ids(pairs.loc[left])
    return pairs, wrong
