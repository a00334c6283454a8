"""What the fake model server writes about an image: its pairs, and the forms in which they may come."""

import csv
import io
import json
from functools import lru_cache
from hashlib import blake2b

_REAL_PICTURES = (b"JFIF", b"Exif", b"\r\n\x1a\n")


def unit(*what: object) -> float:
    """Return a number in [0, 1) that depends on nothing but the values."""
    digest = blake2b("\0".join(map(str, what)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def picture(name: str) -> bytes:
    """Return the bytes of a fake picture of this name, which is a JPEG by its first bytes alone."""
    return b"\xff\xd8\xff\xe0" + name.encode()


def image_name(image: bytes) -> str:
    """Return the name of an image: what stands after a fake one's 4-byte signature, or a real one's digest."""
    if len(image) > 300 or any(mark in image[4:16] for mark in _REAL_PICTURES):
        return "picture-" + blake2b(image, digest_size=6).hexdigest()
    return image[4:].decode(errors="replace")


# Question, what it may be answered by, difficulty, question type.
_WORDINGS = (
    ("What color is the largest surface?", "red blue green white black brown grey", 0, "color"),
    ("Which object is shown?", "chair lamp table mug shelf sofa clock", 0, "object"),
    ("How many legs touch the floor?", "2 3 4 5 6 8", 1, "count"),
    ("What outline does the top have?", "round square oval rectangular hexagonal", 1, "shape"),
    ("Which material are the sides made of?", "wood metal plastic glass fabric leather", 2, "material"),
    ("What pattern covers the front?", "plain striped floral dotted checked", 1, "pattern"),
    ("Where does the handle sit?", "left right top bottom center", 2, "position"),
    ("Is it taller than it is wide?", "yes no", 3, "size"),
    ("What would somebody do with this?", "sit read drink store sleep write", 3, "function"),
    ("Which style does the design follow?", "modern rustic classic industrial vintage", 3, "style"),
    ("How does the finish reflect light?", "matte glossy satin brushed", 2, "other"),
    ("How many drawers can be counted?", "1 2 3 4 5 6", 5, "count"),
    ("Which tone has the background?", "beige cream pink yellow purple orange", 0, "color"),
    (
        "In which direction is the open end turned?",
        "upward downward forward backward sideways",
        5,
        "position",
    ),
    ("What fastens the lid?", "screw hinge zip clip magnet button", 5, "object"),
    ("Does a cushion lie on the seat?", "yes no", 1, "object"),
    ("Which edge profile can be seen?", "curved straight bevelled scalloped", 2, "shape"),
    ("What letter is printed near the corner?", "A B K M R S", 2, "text"),
    ("Whose room would this furnish best?", "child cook student musician gardener", 3, "function"),
    ("What hangs from the hook?", "towel coat bag hat rope", 1, "object"),
)


def default_answer(name: str, count: int) -> list[dict]:
    """Return so many distinct pairs about an image, the same for a name at any time."""
    return [dict(pair) for pair in _pairs(name, count)]


@lru_cache(maxsize=1024)
def _pairs(name: str, count: int) -> tuple[dict, ...]:
    digest = blake2b(name.encode(), digest_size=8).digest()
    pairs = []
    for number in range(count):
        place, again = number % len(_WORDINGS), number // len(_WORDINGS)
        question, answers, difficulty, kind = _WORDINGS[place]
        if again:
            question = f"{question[:-1]} of item number {again + 1}?"
        choices = answers.split()
        answer = choices[(digest[place % 8] + number) % len(choices)]
        pair = {"question": question, "answer": answer, "difficulty": difficulty, "question_type": kind}
        pairs.append(pair)
    return tuple(pairs)


def text_of(pairs: list[dict], form: str = "ok") -> str:
    """Return the pairs as a model writes them: ok is JSON as it was asked for; the others are not."""
    whole = json.dumps({"qa_pairs": pairs}, ensure_ascii=False)
    if form == "fenced":
        return f"Here are the pairs:\n\n```json\n{json.dumps({'qa_pairs': pairs}, indent=2)}\n```\nEnjoy!"
    if form == "csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, ["question", "answer", "difficulty", "question_type"])
        writer.writeheader()
        writer.writerows(pairs)
        return file.getvalue()
    if form == "separators":
        return "%".join(f"{pair['question']}#{pair['answer']}" for pair in pairs)
    if form == "cut_json":
        return whole[: len(whole) * 6 // 10]
    if form == "prose":
        return (
            "I am sorry, but I cannot say much about this picture. It shows a product on a plain background."
        )
    return whole
