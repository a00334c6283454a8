"""What a model might reply about pictures: made up, of real size and variety, with the faults that replies have."""

import json
import random
from functools import lru_cache

PAIRS = 15
FENCED, CUT, UNSAFE, BLOCKED = 0.03, 0.01, 0.002, 0.001
"""The shares of replies in a Markdown fence, cut off, broken off (the next one is whole), and refused for ever."""

_parts = [
    "handle",
    "lid",
    "rim",
    "base",
    "seat",
    "back",
    "frame",
    "edge",
    "strap",
    "sole",
    "heel",
    "buckle",
    "cushion",
    "leg",
    "drawer",
    "shelf",
    "cover",
    "corner",
    "label",
    "button",
    "pocket",
    "collar",
    "sleeve",
    "hem",
    "zipper",
    "lining",
    "border",
    "center",
    "knob",
    "hinge",
    "panel",
    "tray",
    "wheel",
    "cord",
    "plug",
    "lamp",
    "shade",
    "stem",
    "tip",
    "toe",
    "tongue",
    "lace",
    "clasp",
    "chain",
    "pendant",
    "stone",
    "band",
    "dial",
    "face",
    "spout",
    "spine",
    "page",
    "case",
    "screen",
    "hook",
    "loop",
]
_looks = [
    "upper",
    "lower",
    "front",
    "rear",
    "left",
    "right",
    "inner",
    "outer",
    "visible",
    "largest",
    "smallest",
    "nearest",
    "main",
    "second",
    "middle",
    "narrow",
    "wide",
    "curved",
    "straight",
    "padded",
    "printed",
    "woven",
    "polished",
    "folded",
    "open",
    "closed",
    "thin",
    "thick",
    "raised",
    "hidden",
    "bare",
    "round",
    "square",
]
_colors = [
    "red",
    "blue",
    "green",
    "white",
    "black",
    "brown",
    "grey",
    "beige",
    "pink",
    "yellow",
    "silver",
    "gold",
]
_wordings = (
    ("What color is the {part} of the {thing}?", _colors, 0, "color"),
    ("What is the color of the {look} {part} on this {thing}?", _colors, 0, "color"),
    ("Which tone does the {look} part of the {part} have?", _colors, 1, "color"),
    ("What material is the {look} {part} made of?", ["wood", "metal", "plastic", "glass", "leather", "cotton"], 2, "material"),
    ("Which material covers the {part} of the {thing}?", ["fabric", "leather", "velvet", "linen", "rubber"], 2, "material"),
    ("How many {look} {part}s does the {thing} have?", list("123456"), 1, "count"),
    ("How many sides has the {look} {part} of the {thing}?", list("34568"), 2, "count"),
    ("What shape is the {part} next to the {look} {other}?", ["round", "square", "oval", "rectangular"], 1, "shape"),
    ("Which outline does the {thing}'s {look} {part} have?", ["curved", "straight", "pointed", "angular"], 2, "shape"),
    ("What pattern can be seen on the {look} {part}?", ["plain", "striped", "floral", "dotted"], 1, "pattern"),
    ("Where is the {part} in relation to the {look} {other}?", ["left", "right", "above", "below"], 2, "position"),
    ("In which direction does the {look} {part} of the {thing} point?", ["upward", "downward", "forward"], 3, "position"),
    ("Is the {part} of the {thing} larger than its {other}?", ["yes", "no"], 3, "size"),
    ("Does the {look} {part} of the {thing} look shiny?", ["yes", "no"], 2, "other"),
    ("What is the {look} {part} of the {thing} used for?", ["sitting", "holding", "storing", "opening", "carrying"], 3, "function"),
    ("Which style do the {part} and the {look} {other} suggest?", ["modern", "rustic", "classic", "vintage"], 5, "style"),
    ("What kind of product is shown with a {look} {part}?", ["chair", "shoe", "lamp", "mug", "shelf", "ring", "case"], 0, "object"),
    ("What holds the {look} {part} and the {other} together?", ["screw", "hinge", "zip", "clip", "seam", "glue"], 5, "object"),
    ("Which letter is printed on the {look} {part}?", list("ABKMRS"), 2, "text"),
    ("What finish has the {look} {part} of this {thing}?", ["matte", "glossy", "satin", "brushed"], 1, "other"),
)  # fmt: skip
_faults = (
    ("What is the height of the {thing}?", ("30cm", "12in", "45"), 1, "size"),
    ("What is the weight of the {thing}?", ("2kg", "450g"), 1, "size"),
    ("What does the {part} look like?", ("dark red", "rather small", "made of wood"), 1, "other"),
    ("Which brand made the {part}?", ("unknown", "None", "not visible"), 2, "text"),
    ("What color is the red {part}?", ("red", "Red."), 0, "color"),
    ("The {part} of the {thing} stands open.", ("left",), 1, "position"),
    ("Welche Farbe hat der Griff und wie ist die {part}?", ("blau",), 0, "color"),
    ("What is the price of the {thing}?", ("$25", "20€"), 0, "text"),
    ("What is on the {look} {part}?", ("",), 2, "object"),
    ("What lies behind the {look} {part}?", ("wall", "floor"), 4, "object"),
    ("What stands near the {look} {part}?", ("vase", "book"), 1, "thing"),
)
_FAULTY, _REPEATED, _NEARLY = 0.06, 0.03, 0.02


def write_replies(number: int, thing: str) -> list[bytes]:
    """Return the bodies of the replies about an image, from the first to the last; always the same for its number."""
    luck = random.Random(number)
    kind = luck.random()
    text = json.dumps({"qa_pairs": write_pairs(luck, thing)}, indent=2 if luck.random() < 0.5 else None)
    if kind < BLOCKED:
        feedback = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        return [json.dumps(feedback | _usage(0)).encode()]
    if kind < BLOCKED + UNSAFE:
        return [_body("", "SAFETY"), _body(text, "STOP")]
    if kind < BLOCKED + UNSAFE + CUT:
        return [_body(text[: len(text) * luck.randint(2, 9) // 10], "MAX_TOKENS")]
    if kind < BLOCKED + UNSAFE + CUT + FENCED:
        return [_body(f"Here are the pairs:\n\n```json\n{text}\n```", "STOP")]
    return [_body(text, "STOP")]


def write_pairs(luck: random.Random, thing: str) -> list[dict]:
    """Return an image's pairs: most are about different things, some have one of the faults that checks are for."""
    pairs: list[dict] = []
    for question, answers, difficulty, kind in luck.sample(_wordings, PAIRS):
        fault = luck.random()
        if fault < _REPEATED and pairs:
            pairs.append({**luck.choice(pairs), "answer": luck.choice(answers)})
            continue
        if fault < _REPEATED + _NEARLY and pairs:
            again = luck.choice(pairs)
            pairs.append(
                again
                | {"question": again["question"].replace("What is", "What was").replace(" the ", " this ")}
            )
            continue
        if fault < _REPEATED + _NEARLY + _FAULTY:
            question, answers, difficulty, kind = luck.choice(_faults)
        about = {"part": _often_the_first(luck, _parts), "other": _often_the_first(luck, _parts)}
        about |= {"look": _often_the_first(luck, _looks), "thing": thing}
        pairs.append(
            {
                "question": question.format(**about),
                "answer": luck.choice(answers),
                "difficulty": difficulty,
                "question_type": kind,
            }
        )
    return pairs


def listing(number: int, thing: str) -> str:
    """Return what a listing says, as the stage before leaves it: JSON, field → values, about 650 characters."""
    luck = random.Random(-number)
    words = _vocabulary()

    def said(count: int) -> str:
        return " ".join(luck.choices(words, k=count))

    fields = {
        "bullet_point": [said(luck.randint(10, 20)) for _ in range(5)],
        "color": [luck.choice(_colors)],
        "item_name": [f"{said(luck.randint(6, 12))} {thing}"],
        "material": [said(1)],
        "product_type": [thing.upper()],
        "style": [said(1)],
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


@lru_cache
def _vocabulary() -> list[str]:
    luck = random.Random(13)
    return ["".join(luck.choices("abcdefghijklmnoprstuvwy", k=luck.randint(2, 8))) for _ in range(8000)]


def _often_the_first(luck: random.Random, words: list[str]) -> str:
    return words[int(len(words) * luck.random() ** 4)]


def _body(text: str, finish: str) -> bytes:
    parts = [{"text": text}] if text else []
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish, "index": 0}
    said = {"candidates": [candidate]} | _usage(len(text) // 4)
    # Google's servers write JSON with two spaces of indentation.
    return json.dumps(said, indent=2, ensure_ascii=False).encode()


def _usage(tokens: int) -> dict:
    modalities = [{"modality": "TEXT", "tokenCount": 812}, {"modality": "IMAGE", "tokenCount": 258}]
    usage = {"promptTokenCount": 1070, "candidatesTokenCount": tokens, "totalTokenCount": 1070 + tokens}
    usage["promptTokensDetails"] = modalities
    return {
        "usageMetadata": usage,
        "modelVersion": "gemini-3.5-flash-lite",
        "responseId": "kQZ2aJ3pKbWVxN8PxYq1sQo",
    }
