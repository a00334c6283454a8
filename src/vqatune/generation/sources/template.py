"""The template provider: question-answer pairs from visible attributes in the metadata.

It needs no model and no particular catalogue. What is asked is decided here, how it is said by the files in `languages/`.
The questions of an image and their wording depend on the seed and the image, so that two views of a product get
different questions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vqatune.generation.sources.language_files import ENGLISH, Language, Noun, load_language
from vqatune.generation.sources.slots import OPTIONS, PRINT_SLOTS, SLOTS
from vqatune.generation.sources.visible import Print, Visible, visible
from vqatune.tables.hash_ranks import hash_rank


@dataclass(frozen=True, slots=True)
class TemplatePair:
    """A question with its answer, of one word where it is about a product; difficulty is 0, 1, 2, 3 or 5.

    `attribute` is the field that it asks for; None: what its question type says.
    """

    question: str
    answer: str
    difficulty: int
    question_type: str
    attribute: str | None = None


def template_pairs(
    metadata: dict[str, list[str]], product_type: str, image_id: str, seed: int, code: str = ENGLISH
) -> list[TemplatePair]:
    """Return the pairs of one image, at most 12; no question is repeated or contains its answer.

    `metadata` maps ABO's field names to plain text values; `product_type` is ABO's. Metadata without visible
    attributes gives no pairs. `code` is the language of the metadata and the pairs: one of `language_codes()`.
    """
    language, seen = load_language(code), visible(metadata, product_type, code)
    noun = _noun(seen.noun, language)
    thing = noun.the if noun else language.thing
    draw = _Draws(seed, image_id)
    pairs = []
    for group in _candidates(seen, noun, language, draw):
        if not group:
            continue
        slot, answer, words = group[draw.below(len(group))]
        wordings = language.questions[slot]
        question = wordings[draw.below(len(wordings))].format(thing=thing, **words)
        if answer in question and re.search(rf"\b{re.escape(answer)}\b", question):
            continue
        asked = _SLOTS[slot]
        pairs.append(TemplatePair(question, answer, asked.difficulty, asked.question_type))
    return pairs


def _noun(noun: str | None, language: Language) -> Noun | None:
    """Return an English noun in a language, None where it has none."""
    if noun is None or language.nouns is not None:
        return language.nouns.get(noun) if noun and language.nouns else None
    # A plural would make the questions' grammar wrong.
    plural = noun.endswith("s") and not noun.endswith("ss")
    the = language.thing if plural else f"the {noun}"
    return Noun(noun, the, f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}")


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


_SLOTS = SLOTS | PRINT_SLOTS
_Candidate = tuple[str, str, dict[str, str]]
"""Slot, answer, and the words that fill the placeholders of its wording."""


def _candidates(seen: Visible, noun: Noun | None, language: Language, draw: _Draws) -> list[list[_Candidate]]:
    """Return groups of possible questions; an image gets one of each group."""

    def plain(slot: str, meaning: str | None) -> list[_Candidate]:
        word = language.words[slot].get(meaning) if meaning else None
        return [(slot, word.answer, {})] if word else []

    checks = _checks(seen, noun, language, draw)
    groups = [
        [("object", noun.name, {})] if noun else [],
        plain("color", seen.color),
        plain("pattern", seen.pattern),
        checks if seen.print else checks[::2],
        plain("style", seen.style) + plain("finish", seen.finish),
    ]
    knowledge = (
        plain("material", seen.material) + plain("function", seen.function) + plain("shape", seen.shape)
    )
    if seen.pocket_sized is not None:
        slot = ("pocket", "too big")[draw.below(2)]
        answer = language.yes if seen.pocket_sized == (slot == "pocket") else language.no
        knowledge.append((slot, answer, {}))
    if seen.print:
        groups += [[candidate] for candidate in _about_print(seen.print)]
        groups += [knowledge, _comparisons(seen, seen.print, draw), _sums(seen.print)]
    else:
        # Without questions about a print there is room for the rest.
        groups += [[candidate] for candidate in knowledge]
        groups += [checks[1::2], _both(seen, language, draw)]
    return groups


def _checks(seen: Visible, noun: Noun | None, language: Language, draw: _Draws) -> list[_Candidate]:
    """Yes-or-no questions about one attribute, with equally likely answers."""
    checks: list[_Candidate] = []

    def check(
        slot: str, fact: str | None, options: tuple[str, ...], say: Callable[[str], str | None]
    ) -> None:
        if not fact or say(fact) is None:
            return
        truth = draw.below(2)
        word = say(fact if truth else draw.other(options, fact))
        if word is not None:
            checks.append((slot, language.yes if truth else language.no, {"word": word}))

    for feature, fact in (
        ("color", seen.color),
        ("pattern", seen.pattern),
        ("finish", seen.finish if seen.finish in OPTIONS["finish"] else None),
    ):
        check(f"is {feature}", fact, OPTIONS[feature], partial(_asked, language, feature))
    if noun and seen.noun:
        check(
            "is object", seen.noun, _nouns_beside(seen.noun, language), lambda name: _noun(name, language).a
        )
    check("is motif", seen.print and seen.print.motif, _MOTIFS, str)
    if seen.print or seen.plain:
        checks.append(("is printed", language.yes if seen.print else language.no, {}))
    return checks


def _asked(language: Language, feature: str, meaning: str) -> str | None:
    """Return how a meaning is named within a question, None where it is not asked about."""
    word = language.words[feature].get(meaning)
    return word.asked if word else None


def _nouns_beside(noun: str, language: Language) -> tuple[str, ...]:
    """Return the nouns that are asked about, without those by which a product might be called as well.

    To ask whether a boot is a shoe would be doubtful.
    """
    nouns, options = language.nouns, OPTIONS["noun"]
    if nouns is None:
        return options
    same = {language.also.get(noun), *(other for other in options if nouns[other].name == nouns[noun].name)}
    return tuple(other for other in options if other == noun or other not in same)


def _about_print(printed: Print) -> list[_Candidate]:
    facts = [
        ("motif", printed.motif, {}),
        ("count", _NUMBERS[printed.count], {}),
        ("position", printed.position, {}),
    ]
    return [*facts, ("ink", printed.ink, {})] if printed.ink else facts


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
    found = [("more than" if more else "fewer than", answer, {"word": _NUMBERS[limit]})]
    if printed.position != "center":
        side = printed.position if truth else _OPPOSITE[printed.position]
        found.append(("half", answer, {"word": side}))
    if printed.ink in _LIGHTNESS and seen.color in _LIGHTNESS:
        contrast = _LIGHTNESS[printed.ink] - _LIGHTNESS[seen.color]
        if abs(contrast) >= 20:
            word = "lighter" if (contrast > 0) == bool(truth) else "darker"
            found.append(("compare light", answer, {"word": word}))
    return found


def _sums(printed: Print) -> list[_Candidate]:
    sums = [("one more", _NUMBERS[printed.count + 1], {}), ("double", _NUMBERS[2 * printed.count], {})]
    if printed.count > 1:
        sums.append(("one less", _NUMBERS[printed.count - 1], {}))
    if printed.motif in _CORNERS:
        sums.append(("corners", _CORNERS[printed.motif], {}))
    return sums


def _both(seen: Visible, language: Language, draw: _Draws) -> list[_Candidate]:
    if not seen.color or not seen.pattern:
        return []
    truth, which = draw.below(2), draw.below(2)
    color, pattern = seen.color, seen.pattern
    if not truth and which:
        color = draw.other(OPTIONS["color"], color)
    elif not truth:
        pattern = draw.other(OPTIONS["pattern"], pattern)
    says, looks = _asked(language, "color", color), _asked(language, "pattern", pattern)
    if says is None or looks is None:
        return []
    return [("both", language.yes if truth else language.no, {"color": says, "pattern": looks})]


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
