"""A naive implementation of generation: image by image, a JSON file each, every pair checked by itself."""

import json
import os
import re
import time
from collections import Counter, defaultdict
from hashlib import blake2b
from pathlib import Path

import pandas as pd

from generation_stage import Replies
from vqatune.generation.checks.checks import DIFFICULTIES, NONE_LIKE
from vqatune.generation.checks.cleaning import clean_answer, clean_question, fold
from vqatune.generation.checks.duplicates import content_words, nearly_same
from vqatune.generation.checks.either_or import offers
from vqatune.generation.checks.language import in_another_language, is_question
from vqatune.generation.checks.not_visible import asks_for_measure
from vqatune.generation.checks.question_types import QUESTION_TYPES, question_type_of
from vqatune.generation.providers.gemini import parse_reply
from vqatune.generation.replies.parsing import extract_pairs
from vqatune.tables import PAIRS

MODEL = "gemini-3.5-flash-lite"
_measure = re.compile(r"\d+ ?(?:cm|in|kg|g|m|mm|lb|oz|ml|l)|[$€£]\d+|\d+[$€£]")


def plain_generation(
    sampled: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, dict[str, Counter], dict[str, float]]:
    """Return the images' pairs, what was counted, and the images per second of asking and of reading.

    The pairs have the columns of tables.CHECKED; `sampled` those of tables.SAMPLED. `folder` is where `replies.bin` is.
    """
    replies, kept = Replies(folder), folder / "plain"
    kept.mkdir()
    images = list(sampled.itertuples(index=False))
    start = time.perf_counter()
    for image in images:
        _ask(image, replies, folder, kept)
    asked = time.perf_counter()
    rows: list[tuple] = []
    counts: dict[str, Counter] = defaultdict(Counter)
    for image in images:
        for row in _read(image, kept):
            rows.append(row)
            _count(row, counts)
    columns = [*PAIRS.names, "check"]
    found = pd.DataFrame(rows, columns=columns).sort_values(["image_id", "qa_id"], ignore_index=True)
    passed = found["check"].isna()
    found[passed].to_parquet(folder / "plain-kept.parquet")
    found[~passed].to_parquet(folder / "plain-dropped.parquet")
    end = time.perf_counter()
    return found, counts, {"asking": len(images) / (asked - start), "reading": len(images) / (end - asked)}


def _ask(image, replies: Replies, folder: Path, kept: Path) -> None:
    """Ask until there are pairs, or none can be hoped for, and keep the last reply."""
    with open(folder / image.archive, "rb") as file:
        file.seek(image.offset)
        content = file.read(image.length)
    for _ in range(6):
        reply = json.loads(replies.next(content))
        parsed = parse_reply(reply)
        if extract_pairs(parsed).pairs or parsed.finish == "blocked":
            break
    unfinished = kept / f"{image.image_id}.tmp"
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(reply, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(kept / f"{image.image_id}.json")


def _read(image, kept: Path) -> list[tuple]:
    reply = json.loads((kept / f"{image.image_id}.json").read_text(encoding="utf-8"))
    rows = []
    seen: set[str] = set()
    asked: list[tuple[str, ...]] = []
    for pair in extract_pairs(parse_reply(reply)).pairs:
        question, answer = clean_question(pair["question"]), clean_answer(pair["answer"])
        folded = fold(question)
        check = _check(question, folded, answer, pair, image.language)
        if check is None:
            words = content_words(folded, image.language)
            if folded in seen:
                check = "repeated_question"
            elif any(nearly_same(words, other) for other in asked):
                check = "nearly_repeated_question"
            else:
                asked.append(words)
            seen.add(folded)
        qa_id = blake2b(f"{image.image_id}\x1f{folded}".encode(), digest_size=8).hexdigest()
        kind = pair["question_type"] or question_type_of(question)
        about = (qa_id, image.image_id, image.item_id, image.product_type, question, answer)
        rows.append((*about, pair["difficulty"], kind, kind, image.language, "general", MODEL, check))
    return rows


def _count(row: tuple, counts: dict[str, Counter]) -> None:
    """Count what the stage reports of a pair."""
    _, image_id, _, product_type, question, answer, difficulty, kind, _, _, _, generator, check = row
    for by in ("all", generator, "prompt", product_type):
        counts[by][check or "kept"] += 1
    counts["images"][image_id] += not check
    if check is None:
        counts["question_types"][kind] += 1
        counts["difficulties"][difficulty] += 1
        counts["answers"][answer.lower()] += 1
        words = fold(question)
        counts["questions"][words] += 1
        counts["question_words"].update(words.split())
        counts["answer_words"].update(fold(answer).split())


def _check(question: str, folded: str, answer: str, pair: dict, tag: str) -> str | None:
    """Return the first check but for those of repetition that drops a pair, None where none does."""
    said = fold(answer)
    if not folded:
        return "empty_question"
    if not said:
        return "empty_answer"
    if said in NONE_LIKE:
        return "none_like"
    if re.search(r"[\s#;|_\\&,/]", answer):
        return "too_many_words"
    if not is_question(question, folded, tag):
        return "not_a_question"
    if f" {said} " in f" {folded} " and not offers(question, answer, tag):
        return "answer_in_question"
    if pair["difficulty"] is not None and pair["difficulty"] not in DIFFICULTIES:
        return "difficulty"
    if pair["question_type"] is not None and pair["question_type"] not in QUESTION_TYPES:
        return "question_type"
    if in_another_language(folded, tag):
        return "language"
    if any(map(str.isdigit, answer)) and (asks_for_measure(folded) or _measure.fullmatch(answer)):
        return "not_visible"
    return None
