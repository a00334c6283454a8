"""Parsing of pairs in plain text: CSV, lines with separators, tables, and lines with labels.

A line that can be parsed in two ways, with different pairs, gives none.
"""

import csv
import re
from collections import Counter
from itertools import permutations
from typing import Any

from vqatune.generation.checks.question_types import QUESTION_TYPES
from vqatune.generation.replies.labelled_text import bare, parse_labelled_text
from vqatune.generation.replies.pair_fields import field_named, is_level

Pairs = list[dict[str, Any]]
Line = tuple[str, Pairs] | None
"""A parsed line: its separator, and its pairs (none for a header)."""

SIGNS = ("#", "%", "|", "\t")
"""Separators of the fields of a pair, or of pairs, besides the comma of CSV."""

_asking = ("?", "？", "؟")
_fenced = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_bullet = re.compile(
    r"[ ]*(?:(?:[-*•–]|[(#]?\d{1,3}[.):]|\(\d{1,3}\))\s+)?(?:[*_]*(?:Question|Q)[ ]?\d{0,3}[:.)][*_]*\s*)?"
)
_rule = re.compile(r"[\s|:+=_-]*")
_remark = re.compile(r"[^?？؟]*[:.!…]\s*")
# A percent sign after a number is no separator.
_sign = re.compile(r"[#|\t]|(?<!\d)%")
_after_asking = re.compile(r"[?？؟][\"'*_`\s]*[#%|\t]")


def parse_text(text: str) -> tuple[Pairs, set[str]]:
    """Return the fields of the pairs in a text without JSON, and the names of the repairs.

    Fields are text, '' where empty. The repairs are csv, separators, labels, fences and left_out.
    """
    repairs: set[str] = set()
    blocks = _fenced.findall(text)
    if blocks:
        text = "\n".join(blocks)
        repairs.add("fences")
    labelled = parse_labelled_text(text)
    if labelled is not None:
        return labelled[0], repairs | labelled[1]
    lines = [line for line in re.split(r"\r\n|\r|\n", text.strip("\ufeff")) if not _rule.fullmatch(line)]
    read = _under_header(lines) or _alike(lines) or _one_by_one(lines)
    signs = {line[0] for line in read if line}
    repairs |= {"csv" if sign == "," else "separators" for sign in signs}
    for line, as_read in zip(lines, read, strict=True):
        if as_read is None:
            speech = _remark.fullmatch(line) or not any(mark in line for mark in (*signs, *_asking))
            repairs.add("fences" if speech else "left_out")
    return [pair for line in read if line for pair in line[1]], repairs


def _under_header(lines: list[str]) -> list[Line] | None:
    """Parse the lines under a header that names the fields; None where there is no header, or nothing below it."""
    for place, line in enumerate(lines):
        for sign in (",", *SIGNS):
            names = [field_named(field) for field in _fields(line, sign)]
            if names.count("question") == names.count("answer") == 1:
                below = [_row(_fields(row, sign), names, sign) for row in lines[place + 1 :]]
                if any(below):
                    return (
                        [None] * place + [(sign, [])] + [(sign, [pair]) if pair else None for pair in below]
                    )
    return None


def _row(fields: list[str], names: list[str | None], sign: str) -> dict[str, Any] | None:
    if len(fields) != len(names):
        return None
    parts = {name: field for name, field in zip(names, fields, strict=True) if name}
    ordered = [parts.get(name, "") for name in ("question", "answer", "difficulty", "question_type")]
    return _pair(ordered, sign)


def _alike(lines: list[str]) -> list[Line] | None:
    """Parse lines that all have the same form with exactly one separator, whether or not they have question marks.

    Only remarks may stand before and after them.
    """
    readings = []
    for sign in (",", *SIGNS):
        places = [place for place, line in enumerate(lines) if sign in line and not _remark.fullmatch(line)]
        if len(places) < 2 or places != list(range(places[0], places[-1] + 1)):
            continue
        rows = [_fields(lines[place], sign) for place in places]
        pairs = [_pair(row, sign) for row in rows]
        sure = len({len(row) for row in rows}) == 1 and all(
            pair and _is_sure(pair, lines[place], sign) for place, pair in zip(places, pairs, strict=True)
        )
        if sure:
            read: list[Line] = [None] * len(lines)
            for place, pair in zip(places, pairs, strict=True):
                read[place] = (sign, [pair])
            readings.append(read)
    return readings[0] if len(readings) == 1 else None


def _is_sure(pair: dict[str, Any], line: str, sign: str) -> bool:
    """Return whether a line can only be this pair, although its question may lack a question mark."""
    if _sign.search(line.replace(sign, " ")) or (sign == "%" and re.search(r"\d%", line)):
        return False
    if sign == "," and not (pair["difficulty"] or line.lstrip().startswith('"')):
        # "Looking at the sole, flat" may be a question and its answer, or neither.
        return False
    return len(pair["question"].split()) > 1 and len(pair["answer"].split()) <= 3


def _one_by_one(lines: list[str]) -> list[Line]:
    """Parse each line by itself, by its questions, which all end with a question mark."""
    read = [_asked(line) for line in lines]
    sizes = [
        len(_fields(line, ","))
        for line, as_read in zip(lines, read, strict=True)
        if as_read and as_read[0] == ","
    ]
    if len(set(sizes)) > 1:
        # "What length?,1,5" among lines of two parts is a decimal comma.
        size, count = Counter(sizes).most_common(1)[0]
        usual = size if count * 2 > len(sizes) else None
        read = [
            None if as_read and as_read[0] == "," and len(_fields(line, ",")) != usual else as_read
            for line, as_read in zip(lines, read, strict=True)
        ]
    return read


def _asked(line: str) -> Line:
    """Return the only way to parse a line with one or more pairs; None where there is none, or several differ."""
    readings = [(sign, _run(_fields(line, sign), sign)) for sign in (",", *SIGNS) if sign in line]
    for inner, outer in permutations(SIGNS, 2):
        if inner in line and outer in line:
            runs = [_run(_fields(piece, inner), inner) for piece in line.split(outer) if piece.strip()]
            single = all(len(run) == 1 for run in runs)
            readings.append((inner, [run[0] for run in runs] if single else []))
    readings = [reading for reading in readings if reading[1]]
    return readings[0] if readings and all(pairs == readings[0][1] for _, pairs in readings) else None


def _run(fields: list[str], sign: str) -> Pairs:
    """Return the pairs in consecutive fields; none where one of them is uncertain."""
    while fields and not fields[-1] and sign != ",":
        fields = fields[:-1]
    starts = [place for place, field in enumerate(fields) if field.endswith(_asking)]
    if not starts or starts[0] != 0:
        return []
    groups = [fields[start:end] for start, end in zip(starts, [*starts[1:], len(fields)], strict=True)]
    pairs = [_pair(group, sign) for group in groups]
    sure = len({len(group) for group in groups}) == 1 and None not in pairs
    return [pair for pair in pairs if pair] if sure else []


def _pair(fields: list[str], sign: str) -> dict[str, Any] | None:
    """Return question, answer, and optionally difficulty and type; None where a field has no valid value."""
    if not 2 <= len(fields) <= 4:
        return None
    question, answer, level, kind = [*fields, "", ""][:4]
    if not question or not answer or _after_asking.search(question):
        return None
    if any(mark in answer for mark in _asking) or _sign.search(answer):
        return None
    if len(fields) == 3 and sign != "," and level.lower() in QUESTION_TYPES:
        level, kind = "", level
    if (level and not is_level(level)) or not re.fullmatch(r"[\w -]{0,30}", kind):
        return None
    return {"question": question, "answer": answer, "difficulty": level, "question_type": kind}


def _fields(line: str, sign: str) -> list[str]:
    """Return the fields between the separators of a line, without numbering; none for a line of another kind."""
    line = line[_bullet.match(line).end() :].strip(" ")
    if line.startswith(("{", "[")):
        return []
    if sign in ",\t":
        try:
            rows = list(csv.reader([line], delimiter=sign, skipinitialspace=True, strict=True))
        except csv.Error:
            return []
        return [field.strip() for field in rows[0]] if len(rows) == 1 else []
    if sign == "|":
        line = line.removeprefix("|").removesuffix("|")
    return [bare(field) for field in line.split(sign)]
