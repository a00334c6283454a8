"""The checks that a question-answer pair must pass to be kept, and the columns that a checked pair has."""

import re

import numpy as np
import pandas as pd

from vqatune.generation.checks.cleaning import clean_pairs, fold
from vqatune.generation.checks.duplicates import find_duplicates
from vqatune.generation.checks.either_or import offers
from vqatune.generation.checks.language import distinct_with_tags, in_another_language, is_question
from vqatune.generation.checks.not_visible import not_visible
from vqatune.generation.checks.qa_ids import qa_ids
from vqatune.generation.checks.question_types import QUESTION_TYPES, question_types
from vqatune.generation.checks.reviews import Reviews, apply_reviews
from vqatune.tables import CHECKED

CHECKS = (
    "empty_question",
    "empty_answer",
    "none_like",
    "too_many_words",
    "not_a_question",
    "answer_in_question",
    "difficulty",
    "question_type",
    "language",
    "not_visible",
    "reviewed_wrong",
    "repeated_question",
    "nearly_repeated_question",
)
"""The checks, in the order in which they are applied."""

DECIDED_BY = {"too_many_words": "generate.answer_words", "language": "filter.languages"}
"""Check → the parameter that decides on it."""

DIFFICULTIES = (0, 1, 2, 3, 5)

# fmt: off
NONE_LIKE = frozenset({
    "none", "null", "nil", "nan", "na", "n a", "unknown", "unclear", "unsure", "uncertain", "unspecified",
    "undefined", "undetermined", "indeterminate", "unanswerable", "unidentifiable", "undeterminable",
    "unavailable", "no answer", "no idea", "no information", "no data", "none visible", "not visible",
    "not clearly visible", "not applicable", "not available", "not specified", "not sure", "not clear",
    "not known", "not given", "not mentioned", "not shown", "not present", "not provided",
    "not determinable", "not discernible", "cannot tell", "can t tell", "cant tell", "cannot determine",
    "cannot be determined", "can t be determined", "cannot see", "can t see", "cannot say", "can t say",
    "i don t know", "i do not know", "don t know", "dont know", "it is not visible", "it is unclear",
    "it is unknown",
})
# fmt: on
"""Folded answers that say that there is no answer."""

# What joins words without being part of one; a comma or slash between digits is part of a number. Of Japanese, which has
# no spaces: its punctuation, a particle between kanji or katakana (赤と白), and a verb's ending (赤です).
_kanji_or_katakana = "[\u30a1-\u30ff\u4e00-\u9fff]"
_joint = re.compile(
    r"[\s#;|_\\&、，・；｜／＆]|(?<!\d)[,/]|[,/](?!\d)"
    rf"|(?<={_kanji_or_katakana})[とやをはがで](?={_kanji_or_katakana})"
    r"|(?<=.)(?=(?:です|でした|ます|ました|ません)。?$)"
)


def clean_and_check(
    pairs: pd.DataFrame, images: pd.DataFrame, answer_words: int | None = 1, reviews: Reviews | None = None
) -> pd.DataFrame:
    """Return the pairs, cleaned, with the columns of tables.CHECKED: `check` names the check that drops a pair, if any.

    `pairs` has image_id, question, answer, difficulty, question_type, source, and optionally place and attribute (which is
    the question type where it is missing); `images` has the columns of tables.SAMPLED and every image of the pairs. `answer_words` is as for `check_pairs`. Of pairs that people have
    reviewed, mended ones are replaced before they are checked, and wrong ones dropped.
    """
    listings = images[["image_id", "item_id", "product_type", "language", "metadata"]]
    # A category, as it is long and the same for all pairs of an image.
    listings = listings.astype({"metadata": "category"})
    pairs = clean_pairs(pairs).merge(listings, on="image_id", how="left", validate="many_to_one")
    if reviews is not None:
        pairs, wrong = apply_reviews(pairs, qa_ids(pairs), reviews)
        pairs["reviewed_wrong"] = wrong
    pairs["check"] = check_pairs(pairs, answer_words)
    pairs["qa_id"] = qa_ids(pairs)
    untyped = pairs["question_type"].isna()
    pairs.loc[untyped, "question_type"] = question_types(pairs.loc[untyped, "question"])
    attribute = pairs.get("attribute", pd.Series(None, index=pairs.index, dtype="str"))
    pairs["attribute"] = attribute.fillna(pairs["question_type"])
    pairs = pairs.rename(columns={"source": "generator"}).assign(task="general")
    # Dropped pairs may share everything but their answer.
    order = ["image_id", "qa_id", "check", "answer", "difficulty"]
    return pairs.sort_values(order, ignore_index=True)[CHECKED.names]


def check_pairs(pairs: pd.DataFrame, answer_words: int | None = 1) -> pd.Series:
    """Return the name of the first check that drops each pair, missing for those that are kept.

    `pairs` is clean and has image_id, question, answer and difficulty (null where there is none). Optional
    columns are question_type (may be null), language (a tag such as 'en_US'; null skips that check), metadata (the
    listing as JSON, field → list of values), reviewed_wrong (bool) and place (the pair's place in its source). Of an image's duplicate and
    near-duplicate questions the first that passes every other check is kept: first by `place`, then by the text, never
    by the order of the rows. The result has the index of `pairs`.

    `answer_words` is the largest number of words that an answer may have, None for any. A sign between words, such as #, _ or
    a slash that is no part of a number, parts them as a space does; so do particles and endings of Japanese.
    """
    raw, texts = pd.factorize(pairs["question"].to_numpy(dtype=object))
    folded = np.array([fold(text) for text in texts], dtype=object)
    of_text, question_texts = pd.factorize(folded)
    questions = of_text[raw]
    raw_answers, answers_given = pd.factorize(pairs["answer"].to_numpy(dtype=object))
    of_answer, answer_texts = pd.factorize(np.array([fold(text) for text in answers_given], dtype=object))
    answers = of_answer[raw_answers]
    codes, tagged = distinct_with_tags(raw, pairs)
    asking = [is_question(texts[code], folded[code], tag) for code, tag in tagged]
    foreign = [in_another_language(folded[code], tag) for code, tag in tagged]
    longer = [_has_more_words(answer, answer_words) for answer in answers_given]
    contained = _contained(questions, question_texts, answers, answer_texts)
    # An answer that is offered as one of several is asked for, and given away by nothing.
    for place in np.flatnonzero(contained):
        text, tag = tagged[codes[place]]
        contained[place] = not offers(texts[text], answers_given[raw_answers[place]], tag)
    difficulty, kind = pairs["difficulty"], pairs.get("question_type", pd.Series(None, index=pairs.index))
    dropped = {
        "empty_question": (question_texts == "")[questions],
        "empty_answer": (answer_texts == "")[answers],
        "none_like": np.isin(answer_texts, list(NONE_LIKE))[answers],
        "too_many_words": np.array(longer, dtype=bool)[raw_answers],
        "not_a_question": ~np.array(asking, dtype=bool)[codes],
        "answer_in_question": contained,
        "difficulty": (difficulty.notna() & ~difficulty.isin(DIFFICULTIES)).to_numpy(dtype=bool),
        "question_type": (kind.notna() & ~kind.isin(QUESTION_TYPES)).to_numpy(dtype=bool),
        "language": np.array(foreign, dtype=bool)[codes],
        "not_visible": not_visible(pairs),
        "reviewed_wrong": pairs.get("reviewed_wrong", pd.Series(False, index=pairs.index)).to_numpy(
            dtype=bool
        ),
    }
    names = np.full(len(pairs), None, dtype=object)
    passed = np.ones(len(pairs), dtype=bool)
    for name, mask in dropped.items():
        names[mask & passed] = name
        passed &= ~mask
    same, near = find_duplicates(pairs, questions, question_texts, passed)
    names[same] = "repeated_question"
    names[near] = "nearly_repeated_question"
    return pd.Series(names, index=pairs.index, dtype="str")


def _has_more_words(answer: str, most: int | None) -> bool:
    if most is None:
        return False
    # Of one word nothing may be cut off.
    parts = _joint.split(answer)
    return len(parts if most == 1 else [part for part in parts if part]) > most


def _contained(
    questions: np.ndarray, question_texts: np.ndarray, answers: np.ndarray, answer_texts: np.ndarray
) -> np.ndarray:
    padded_questions = [f" {text} " for text in question_texts]
    padded_answers = [f" {text} " for text in answer_texts]
    found = (
        padded_answers[answer] in padded_questions[question]
        for question, answer in zip(questions.tolist(), answers.tolist(), strict=True)
    )
    return np.fromiter(found, dtype=bool, count=len(questions))
