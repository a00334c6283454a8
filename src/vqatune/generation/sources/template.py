"""The template provider: question-answer pairs from visible attributes in the metadata.

It needs no model and no particular catalogue. The questions of an image and their wording depend on the seed and the
image, so that two views of a product get different questions.
"""

import re
from dataclasses import dataclass

from vqatune.generation.sources.visible import Print, Visible, visible
from vqatune.generation.sources.wordings import WORDINGS
from vqatune.tables.hash_ranks import hash_rank


@dataclass(frozen=True, slots=True)
class TemplatePair:
    """A question with its one-word answer; difficulty is 0, 1, 2, 3 or 5."""

    question: str
    answer: str
    difficulty: int
    question_type: str


def template_pairs(
    metadata: dict[str, list[str]], product_type: str, image_id: str, seed: int
) -> list[TemplatePair]:
    """Return the pairs of one image, at most 12; no question is repeated or contains its answer.

    `metadata` maps ABO's field names to plain text values; `product_type` is ABO's. Metadata without visible
    attributes gives no pairs.
    """
    seen = visible(metadata, product_type)
    draw = _Draws(seed, image_id)
    # A plural would make the questions' grammar wrong.
    plural = seen.noun is None or (seen.noun.endswith("s") and not seen.noun.endswith("ss"))
    thing = "product" if plural else seen.noun
    pairs = []
    for group in _candidates(seen, draw):
        if not group:
            continue
        slot, answer, word = group[draw.below(len(group))]
        difficulty, question_type, wordings = WORDINGS[slot]
        question = wordings[draw.below(len(wordings))].format(thing=thing, word=word)
        if answer in question and re.search(rf"\b{answer}\b", question):
            continue
        pairs.append(TemplatePair(question, answer, difficulty, question_type))
    return pairs


class _Draws:
    """Random choices for one image."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, image_id: str) -> None:
        self._state = hash_rank(seed, "template", image_id) << 64 | hash_rank(
            seed, "template, more", image_id
        )

    def below(self, count: int) -> int:
        """Return a number from 0 to count - 1."""
        self._state, number = divmod(self._state, count)
        return number

    def other(self, options: tuple[str, ...], than: str) -> str:
        """Return one of the options that is not `than`."""
        option = options[self.below(len(options))]
        return option if option != than else options[options.index(option) - 1]


_Candidate = tuple[str, str, str]
"""Slot, answer, and the word that fills its wording."""


def _candidates(seen: Visible, draw: _Draws) -> list[list[_Candidate]]:
    """Return groups of possible questions; an image gets one of each group."""
    checks = _checks(seen, draw)
    groups = [
        [("object", seen.noun, "")] if seen.noun else [],
        [("color", seen.color, "")] if seen.color else [],
        [("pattern", seen.pattern, "")] if seen.pattern else [],
        checks if seen.print else checks[::2],
        _plain("style", seen.style) + _plain("finish", seen.finish),
    ]
    knowledge = (
        _plain("material", seen.material) + _plain("function", seen.function) + _plain("shape", seen.shape)
    )
    if seen.pocket_sized is not None:
        slot = ("pocket", "too big")[draw.below(2)]
        knowledge.append((slot, "yes" if seen.pocket_sized == (slot == "pocket") else "no", ""))
    if seen.print:
        groups += [[candidate] for candidate in _about_print(seen.print)]
        groups += [knowledge, _comparisons(seen, seen.print, draw), _sums(seen.print)]
    else:
        # Without questions about a print there is room for the rest.
        groups += [[candidate] for candidate in knowledge]
        groups += [checks[1::2], _both(seen, draw)]
    return groups


def _plain(slot: str, answer: str | None) -> list[_Candidate]:
    return [(slot, answer, "")] if answer else []


def _checks(seen: Visible, draw: _Draws) -> list[_Candidate]:
    """Yes-or-no questions about one attribute, with equally likely answers."""
    checks = []
    for slot, fact, options in (
        ("is color", seen.color, _COLORS),
        ("is pattern", seen.pattern, _PATTERNS),
        ("is finish", seen.finish if seen.finish in _FINISHES else None, _FINISHES),
        ("is object", seen.noun, _OBJECTS),
        ("is motif", seen.print and seen.print.motif, _MOTIFS),
    ):
        if fact:
            truth = draw.below(2)
            word = fact if truth else draw.other(options, fact)
            if slot == "is object":
                word = f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
            checks.append((slot, "yes" if truth else "no", word))
    if seen.print or seen.plain:
        checks.append(("is printed", "yes" if seen.print else "no", ""))
    return checks


def _about_print(printed: Print) -> list[_Candidate]:
    facts = [
        ("motif", printed.motif, ""),
        ("count", _NUMBERS[printed.count], ""),
        ("position", printed.position, ""),
    ]
    return [*facts, ("ink", printed.ink, "")] if printed.ink else facts


def _comparisons(seen: Visible, printed: Print, draw: _Draws) -> list[_Candidate]:
    """Yes-or-no questions that take a comparison, with equally likely answers."""
    truth = draw.below(2)
    answer = "yes" if truth else "no"
    step = draw.below(2)
    # Nothing is fewer than one.
    more = draw.below(2) if printed.count > 1 else not truth
    if more:
        limit = printed.count - 1 if truth else printed.count + step
    else:
        limit = printed.count + 1 + step if truth else max(2, printed.count - step)
    found = [("more than" if more else "fewer than", answer, _NUMBERS[limit])]
    if printed.position != "center":
        side = printed.position if truth else _OPPOSITE[printed.position]
        found.append(("half", answer, side))
    if printed.ink in _LIGHTNESS and seen.color in _LIGHTNESS:
        contrast = _LIGHTNESS[printed.ink] - _LIGHTNESS[seen.color]
        if abs(contrast) >= 20:
            word = "lighter" if (contrast > 0) == bool(truth) else "darker"
            found.append(("compare light", answer, word))
    return found


def _sums(printed: Print) -> list[_Candidate]:
    sums = [("one more", _NUMBERS[printed.count + 1], ""), ("double", _NUMBERS[2 * printed.count], "")]
    if printed.count > 1:
        sums.append(("one less", _NUMBERS[printed.count - 1], ""))
    if printed.motif in _CORNERS:
        sums.append(("corners", _CORNERS[printed.motif], ""))
    return sums


def _both(seen: Visible, draw: _Draws) -> list[_Candidate]:
    if not seen.color or not seen.pattern:
        return []
    truth, which = draw.below(2), draw.below(2)
    color, pattern = seen.color, seen.pattern
    if not truth and which:
        color = draw.other(_COLORS, color)
    elif not truth:
        pattern = draw.other(_PATTERNS, pattern)
    return [("both", "yes" if truth else "no", f"{color} and {pattern}")]


_NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "grey")
_PATTERNS = ("solid", "striped", "dotted", "checkered")
_FINISHES = ("glossy", "matte")
_OBJECTS = ("case", "shoe", "chair", "bag", "lamp", "table", "sofa", "hat", "cup", "pillow", "rug", "clock")
_MOTIFS = ("circle", "square", "triangle", "star", "heart", "diamond")
_OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
_CORNERS = {"triangle": "three", "square": "four", "diamond": "four"}
# Approximate luminance of the colours, in percent.
_LIGHTNESS = {
    "black": 10,
    "brown": 30,
    "purple": 34,
    "blue": 34,
    "red": 35,
    "green": 45,
    "grey": 56,
    "orange": 60,
    "pink": 67,
    "yellow": 82,
    "white": 100,
}
