"""Pairs in text with labels: 'Q: …' and 'A: …', 'Question 1: …', '**Answer:** …'."""

import re
from typing import Any

from vqatune.generation.replies.pair_fields import field_named

_names = r"(?:question[ _-]?)?type|question|q|answer|ans|a|response|difficulty(?:[ _-]?level)?|level|category"
_inline_names = "(?:Question )?Type|Question|Q|Answer|Ans|A|Difficulty|Level"
_label = re.compile(
    rf"(?:^[ \t>*_•#–-]*(?:\(?\d{{1,3}}[.):][ \t]+[*_]{{0,3}})?(?P<name>(?i:{_names}))"
    rf"|(?<=[\s/|,;])[*_]{{0,3}}(?P<inline>{_inline_names}))"
    r"(?:[ \t]?#?(?P<number>\d{1,3})[*_]{0,3}[ \t]?[:.)]|[*_]{0,3}[ \t]?:)[*_]{0,3}",
    re.MULTILINE,
)
_empty_line = re.compile(r"[ \t]*(?:\(?\d{1,3}[.):]|[-*_=#]+)?[ \t]*")
# A question, its answer, then perhaps difficulty and type; the last question may have lost its answer.
_order = re.compile(r"(?:qa(?:dt?|td?)?)*q?")
_letters = {"question": "q", "answer": "a", "difficulty": "d", "question_type": "t"}


def parse_labelled_text(text: str) -> tuple[list[dict[str, Any]], set[str]] | None:
    """Return the fields of labelled pairs, and the repairs; None for a text without labels for question and answer.

    Where questions and answers do not alternate, or their numbers differ, no pair is certain and none is returned.
    Several lines after a label count as no text, because their end is not known.
    """
    labels = list(_label.finditer(text))
    parts = [str(field_named(label["name"] or label["inline"])) for label in labels]
    if "question" not in parts or "answer" not in parts:
        return None
    if not _order.fullmatch("".join(_letters[part] for part in parts)):
        return [], set()
    repairs = {"labels"}
    if text[: labels[0].start()].strip():
        repairs.add("fences")
    pairs: list[dict[str, Any]] = []
    ends = [label.start() for label in labels[1:]] + [len(text)]
    for label, part, end in zip(labels, parts, ends, strict=True):
        content, more = _content(text[label.end() : end])
        if more:
            repairs.add("fences")
        if part == "question":
            pairs.append({})
            number = label["number"]
        elif (
            part == "answer" and None not in (number, label["number"]) and int(number) != int(label["number"])
        ):
            return [], set()
        pairs[-1][part] = content
    whole = [pair for pair in pairs if pair["question"] and pair.get("answer") and "?" not in pair["answer"]]
    if len(whole) < len(pairs):
        repairs.add("left_out")
    return whole, repairs


def _content(text: str) -> tuple[str, bool]:
    """Return the line after a label, '' where there is none or several, and whether a remark follows."""
    paragraphs: list[list[str]] = [[]]
    for line in re.split(r"\r\n|\r|\n", text):
        if not _empty_line.fullmatch(line):
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    first, *others = paragraphs
    return (bare(first[0].strip(" \t/|,;*_")) if len(first) == 1 else ""), any(others)


def bare(text: str) -> str:
    """Return a text without the blanks, quotes and Markdown emphasis around it."""
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'*_`":
        text = text[1:-1].strip()
    return text
