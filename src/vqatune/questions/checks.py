"""Cleaning of questions and answers, the checks a pair must pass, and the type of a question by its words."""

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

CHECKS = (
    "empty_question",
    "empty_answer",
    "none_like",
    "not_one_word",
    "answer_in_question",
    "difficulty",
    "repeated_question",
)
"""The checks, in the order in which they are asked."""

DIFFICULTIES = (0, 1, 2, 3, 5)
QUESTION_TYPES = (
    "object",
    "color",
    "shape",
    "pattern",
    "material",
    "count",
    "position",
    "size",
    "function",
    "style",
    "text",
    "other",
)

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
"""Answers, folded, that say that there is no answer."""

_plain_quotes = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4\u0060", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", None),
    }
)
_brackets = {"(": ")", "[": "]", "{": "}"}
# What joins words without being part of one; a comma or slash between digits is part of a number.
_joint = re.compile(r"[\s#;|_\\&]|(?<!\d)[,/]|[,/](?!\d)")


class _Folding(dict):
    """Translates every character but letters, their marks and digits to a space."""

    def __missing__(self, code: int) -> int | str:
        kept = unicodedata.category(chr(code))[0] in "LMN"
        self[code] = code if kept else " "
        return self[code]


_folding = _Folding()


def clean_question(question: str) -> str:
    """Return the question with plain quotes, single spaces, and nothing wrapped around it."""
    text = " ".join(unicodedata.normalize("NFC", question).translate(_plain_quotes).split())
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'*":
        text = text[1:-1].strip()
    return text


def clean_answer(answer: str) -> str:
    """Return the answer with plain quotes, single spaces, and no punctuation around it ('.925' keeps its point)."""
    text = " ".join(unicodedata.normalize("NFC", answer).translate(_plain_quotes).split())
    while True:
        before = text
        text = text.strip(" \"'*#,;:!?_|").rstrip(".")
        if text.startswith(".") and not text[1:2].isdigit():
            text = text.lstrip(".")
        if text and _brackets.get(text[0]) == text[-1]:
            text = text[1:-1]
        if text == before:
            return text


def fold(text: str) -> str:
    """Return the text in one case, without punctuation and with single spaces: equal for equal questions."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_folding).split())


def clean_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs with clean question and answer (a missing one is empty); other columns as they are."""
    return pairs.assign(
        question=each_distinct(clean_question, pairs["question"].fillna("")),
        answer=each_distinct(clean_answer, pairs["answer"].fillna("")),
    )


def check_pairs(pairs: pd.DataFrame) -> pd.Series:
    """Return the name of the first check that drops each pair, missing for those that are kept.

    `pairs` is clean and has image_id, question, answer and difficulty (null where there is none). Of the pairs of
    an image with the same question, the first that passes every other check is kept: first by the column `place`
    (a pair's place in its source's list) where there is one, then by the text, never by the order of the rows.
    The result has the index of `pairs`.
    """
    questions, question_texts = _folded(pairs["question"])
    answers, answer_texts = _folded(pairs["answer"])
    joined = pairs["answer"].map({answer: bool(_joint.search(answer)) for answer in pairs["answer"].unique()})
    difficulty = pairs["difficulty"]
    dropped = {
        "empty_question": (question_texts == "")[questions],
        "empty_answer": (answer_texts == "")[answers],
        "none_like": np.isin(answer_texts, list(NONE_LIKE))[answers],
        "not_one_word": joined.to_numpy(dtype=bool),
        "answer_in_question": _contained(questions, question_texts, answers, answer_texts),
        "difficulty": (difficulty.notna() & ~difficulty.isin(DIFFICULTIES)).to_numpy(dtype=bool),
    }
    names = np.full(len(pairs), None, dtype=object)
    passed = np.ones(len(pairs), dtype=bool)
    for name, mask in dropped.items():
        names[mask & passed] = name
        passed &= ~mask
    names[_repeated(pairs, questions, passed)] = "repeated_question"
    return pd.Series(names, index=pairs.index, dtype="str")


def question_types(questions: pd.Series) -> pd.Series:
    """Return `question_type_of` every question; each distinct question is looked at once."""
    return each_distinct(question_type_of, questions)


def each_distinct(function: Callable[[str], str], texts: pd.Series) -> pd.Series:
    """Return `function(text)` for every text, computed once for each distinct one."""
    codes, distinct = pd.factorize(texts)
    results = np.array([function(text) for text in distinct], dtype=object)
    return pd.Series(results[codes], index=texts.index, dtype="str")


def _folded(texts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return each text's code, and the folded text of each code; texts that fold alike share their code."""
    codes, distinct = pd.factorize(texts)
    merged, folded = pd.factorize(np.array([fold(text) for text in distinct], dtype=object))
    return merged[codes], folded


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


def _repeated(pairs: pd.DataFrame, questions: np.ndarray, passed: np.ndarray) -> np.ndarray:
    images = pd.factorize(pairs["image_id"])[0]
    keys = pd.DataFrame({"image": images, "question": questions})[passed]
    rivals = keys.index[keys.duplicated(keep=False)]
    names = ["place", "question", "answer", "difficulty", "question_type", "source"]
    order = [name for name in names if name in pairs.columns]
    ordered = pairs.iloc[rivals][order].set_axis(rivals).sort_values(order)
    later = keys.loc[ordered.index].duplicated()
    repeated = np.zeros(len(pairs), dtype=bool)
    repeated[later.index[later]] = True
    return repeated


# The words by which a question tells what it asks for.
_attributes = {
    "count": "how many|number of|amount of|quantity|count of",
    "color": "colou?r|hue|shade|tint|tone|palette|coloration|tonal|saturation|chromatic",
    "shape": "shape|silhouette|outline|contour|curvature|form|profile|geometry|geometric|cross section",
    "pattern": "pattern|motif|print|decoration|embellishment|ornament|weave",
    "material": "material|made of|made from|made out of|fabric|texture|textural|finish|textile|upholstery"
    "|composition|composed|sheen|glossiness|tactile|type of (?:metal|wood|stone)",
    "position": "where|position|placement|located|location|orientation|oriented|facing|direction|arrangement"
    "|arranged|spatial|alignment|side|on top|left|right",
    "size": "size|how (?:big|large|long|wide|tall|high|thick|deep)|height|width|length|depth|thickness|diameter"
    "|weight|capacity|volume|proportion|dimension|bigger|larger|smaller|longer|taller",
    "function": "function|purpose|used for|used to|used with|designed for|intended|usage|room|season|occasion"
    "|activity|secures",
    "text": "brand|written|words|text|letter|read|say|inscription|slogan|printed on|language|(?:what|which) number"
    "|number (?:printed|displayed|shown|on)",
    "style": "style|design(?! element| feature| detail)|aesthetic|look|theme|era|fashion|formal|mood|impression",
}
# Things that hint at it where no attribute is named.
_things = {
    "object": "object|product|item|animal|fruit|furniture|appliance|device|jewelry|footwear",
    "material": "metal|wood|wooden|stone|gemstone|leather|plastic|glass|cotton|textured",
    "text": "logo|label|number",
    "position": "above|below|behind|beside|beneath|next to|in front of",
    "pattern": "striped?|floral|plain|patterned|plaid|checkered|decorated",
    "color": "black|white|red|green|blue|yellow|orange|purple|pink|brown|gr[ae]y|beige|silver|gold(?:en)?",
    "shape": "round|rectangular|square|oval|circular|triangular|pointed|curved|cylindrical|flat",
    "count": "pair|single|multiple",
}
_levels = tuple(
    (
        re.compile(
            r"\b(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in level.items()) + r")(?:s|ed)?\b"
        )
    )
    for level in (_attributes, _things)
)
_asking = re.compile(
    r"\b(what|which|how|where|who|whose|describe|name|identify|is|are|does|do|has|have|can)\b"
)
# These say what form the answer takes, not what it is about.
_answer_form = re.compile(
    r"\b(?:(?:what|which|that) )?(?:(?:one|single|best|descriptive|geometric) )*(?:word|term|adjective|descriptor)\b"
)
_names_a_thing = re.compile(
    r"\b(what|which|who|whose|name|identify|there|have|has|present|visible|shown|include[sd]?)\b"
)


def question_type_of(question: str) -> str:
    """Return the question type, one of QUESTION_TYPES: that of the first telling word from 'what', 'how', … on."""
    text = _answer_form.sub("what", fold(question))
    start = _asking.search(text)
    for level in _levels:
        found = level.search(text, start.start() if start else 0)
        if found:
            return str(found.lastgroup)
    return "object" if _names_a_thing.search(text) else "other"
