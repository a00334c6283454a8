"""Language identification by scripts and function words, and the test whether a text is a question.

Only clear cases are decided: a language without a word list is known by its script alone, an unlisted one not at all.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from vqatune.generation.checks.cleaning import fold


@dataclass(frozen=True, slots=True)
class Language:
    """Features of a language: its scripts (the first words of its letters' names in Unicode) and its folded words.

    `empty` words are stop words in a question: articles, forms of 'be', 'of'. `asking` words make a text a question
    anywhere, `opening` words (verbs and requests) at its start. `others` are further function words. A language without
    spaces has only `asking` words, which are matched as substrings.
    """

    scripts: frozenset[str]
    empty: frozenset[str] = frozenset()
    asking: frozenset[str] = frozenset()
    opening: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    spaced: bool = True

    @property
    def words(self) -> frozenset[str]:
        """All its words."""
        return self.empty | self.asking | self.opening | self.others


def language_of(tag: str | None) -> Language | None:
    """Return the language of a tag such as 'en_US' or 'zh-Hans', None for an unknown one or none."""
    return LANGUAGES.get(_first_part(tag)) if tag else None


def guess_language(texts: Iterable[str]) -> str | None:
    """Return the tag of the language that the texts are in, None where that is not plain.

    A text counts for a language where it has two of its function words or more, and more than of any other, or letters
    of a script that no other language has. A fifth of the texts must count, twice as many as for any other language.
    """
    votes: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        folded = fold(text)
        if (tag := _of_script(folded) or _of_words(folded)) is not None:
            votes[tag] += 1
    common = votes.most_common(2)
    if not common or 5 * common[0][1] < count or (len(common) > 1 and common[0][1] < 2 * common[1][1]):
        return None
    return common[0][0]


def _of_script(folded: str) -> str | None:
    """Return the tag of the only language that has one of the text's scripts."""
    if folded.isascii():
        return None
    scripts = _scripts(folded)
    for tag, one in LANGUAGES.items():
        others = frozenset().union(*(other.scripts for other in LANGUAGES.values() if other is not one))
        if 5 * sum(scripts[script] for script in one.scripts - others) > scripts.total():
            return tag
    return None


def _of_words(folded: str) -> str | None:
    words = set(folded.split())
    hits = Counter({tag: len(words & one.words) for tag, one in LANGUAGES.items() if one.spaced})
    (first, most), (_, second) = hits.most_common(2)
    return first if most >= 2 and most > second else None


def distinct_with_tags(
    codes: np.ndarray, pairs: pd.DataFrame
) -> tuple[np.ndarray, list[tuple[int, str | None]]]:
    """Return codes of the distinct combinations of text and language tag, and for each its text's code and its tag.

    `codes` holds the code of each row's text; the tags are the column language of `pairs`, None where there is none.
    """
    if "language" not in pairs.columns:
        distinct_codes, texts = pd.factorize(codes)
        return distinct_codes, [(text, None) for text in texts.tolist()]
    tag_codes, tags = pd.factorize(pairs["language"].to_numpy(dtype=object))
    names = [None, *tags.tolist()]
    distinct_codes, keys = pd.factorize(codes.astype(np.int64) * len(names) + tag_codes + 1)
    return distinct_codes, [(key // len(names), names[key % len(names)]) for key in keys.tolist()]


def in_another_language(folded: str, tag: str | None) -> bool:
    """Return whether a folded text is clearly not in the language of a tag.

    That is so where fewer than a quarter of its letters are of the language's scripts, or where it has two function words
    of another language in Latin script, but none that is in the tag's language only.
    """
    own = language_of(tag)
    if own is None:
        return False
    if folded.isascii() and "LATIN" in own.scripts:
        return _has_foreign_words(folded, own, tag)
    if not (scripts := _scripts(folded)):
        return False
    if 4 * sum(scripts[script] for script in own.scripts) < scripts.total():
        return True
    return _has_foreign_words(folded, own, tag)


def is_question(question: str, folded: str, tag: str | None) -> bool:
    """Return whether a text may be a question or a request; `folded` is the same text, folded.

    It ends with a question mark, has a question word ('Considering its edge, what …'), or a sentence of it begins with
    an asking verb. A text in a language or script without a list of question words may always be one.
    """
    if not _marks.isdisjoint(question[-4:]):
        return True
    own, scripts = language_of(tag), _scripts(folded)
    if tag and not (own and own.asking and _shared(own, scripts)):
        return True
    known = [own] if own else [one for one in LANGUAGES.values() if one.asking and _shared(one, scripts)]
    words = set(folded.split())
    openings = {fold(part).partition(" ")[0] for part in _stops.split(question)}
    return not known or any(
        not (words.isdisjoint(one.asking) and openings.isdisjoint(one.opening))
        if one.spaced
        else any(part in folded for part in one.asking)
        for one in known
    )


def _has_foreign_words(folded: str, own: Language, tag: str) -> bool:
    if not own.empty:
        return False
    any_others, others = _small_words(_first_part(tag))
    words = set(folded.split())
    return len(words & any_others) >= 2 and any(
        len(words & foreign) >= 2 and words.isdisjoint(native) for foreign, native in others
    )


@lru_cache(maxsize=1024)
def _first_part(tag: str) -> str:
    return re.split("[_-]", tag, maxsplit=1)[0].lower()


def _shared(language: Language, scripts: Counter[str]) -> bool:
    return any(scripts[script] for script in language.scripts)


def _scripts(folded: str) -> Counter[str]:
    """Return the number of letters of each script."""
    if folded.isascii():
        letters = sum(map(str.isalpha, folded))
        return Counter({"LATIN": letters} if letters else {})
    return Counter(script for character in folded if (script := _script(character)))


@lru_cache(maxsize=1 << 16)
def _script(character: str) -> str | None:
    if unicodedata.category(character)[0] != "L":
        return None
    return unicodedata.name(character, "UNKNOWN").split()[0]


@lru_cache(maxsize=256)
def _small_words(own: str) -> tuple[frozenset[str], list[tuple[frozenset[str], frozenset[str]]]]:
    """Return the words that other languages have and `own` has not.

    First all of them; then, for each other language, those and the words that `own` has and it has not.
    """
    words = LANGUAGES[own].words
    others = [language.words for tag, language in LANGUAGES.items() if language.empty and tag != own]
    return frozenset().union(*others) - words, [(other - words, words - other) for other in others]


_stops = re.compile(r"[,;:.!\u2026]")
# The question marks of all scripts: Latin, Greek, Armenian, Arabic, Ethiopic, and those of other widths and pairs.
_marks = frozenset("?\u037e\u055e\u061f\u1367\ufe56\uff1f\u2047\u2048\u2049\u203d\u2e2e\u2753\u2754")


def _language(
    scripts: str,
    empty: str = "",
    asking: str = "",
    opening: str = "",
    others: str = "",
    *,
    spaced: bool = True,
) -> Language:
    words = (frozenset(fold(text).split()) for text in (empty, asking, opening, others))
    return Language(frozenset(scripts.upper().split()), *words, spaced=spaced)


LANGUAGES: dict[str, Language] = {
    "en": _language(
        "latin",
        empty="a an the this that these those it its is are was were be been being of s do does did",
        asking="what which who whose whom how where when why whether",
        opening="is are was were do does did has have had can could will would should may might must isn aren doesn any"
        " describe name identify characterize classify tell say count list give state specify determine estimate find"
        " compare select choose pick explain point guess",
        others="and or not no in on at to by with from for as than there has have can they their them he she i you your"
        " if but into",
    ),
    "de": _language(
        "latin",
        empty="der die das den dem des ein eine einen einem einer eines ist sind war waren es",
        asking="was welche welcher welches welchen welchem wer wen wem wessen wie wieviel wieviele wo woher wohin woraus"
        " womit wofür wozu woran worauf wann warum ob",
        opening="ist sind war hat haben kann können gibt passt trägt besitzt nenne nennen beschreibe beschreiben bestimme",
        others="und oder nicht kein keine im in am an auf aus bei mit nach von vom zu zum zur für über unter man sich"
        " dieser diese dieses diesem diesen hat wird werden sie er",
    ),
    "fr": _language(
        "latin",
        empty="le la les l un une des du de d est sont était ce cet cette ces il elle ils elles",
        asking="quel quelle quels quelles que qu quoi qui comment combien où quand pourquoi lequel laquelle lesquels",
        opening="est sont y peut a décris décrivez nomme nommez identifie identifiez",
        others="et ou ne pas au aux à en dans sur sous avec sans pour par se sa son ses on t plus",
    ),
    "es": _language(
        "latin",
        empty="el la los las un una unos unas de del es son era está están este esta esto estos estas",
        asking="qué cuál cuáles cuánto cuánta cuántos cuántas cómo dónde quién quiénes cuándo que cual cuantos cuantas",
        opening="es son está están hay tiene tienen puede lleva describe nombra identifica",
        others="y o no en con sin al a para por se su sus lo más tiene hay muestra",
    ),
    "it": _language(
        "latin",
        empty="il lo la i gli le l un uno una di del dello della dell dei degli delle è sono era questo questa questi",
        asking="che cosa cos quale quali qual quanto quanta quanti quante come dove dov chi quando perché",
        opening="è sono c ha hanno può ci descrivi indica identifica",
        others="e o non in nel nella nell con senza su sul sulla sull da dal dalla per si suo sua ci ha al alla ai",
    ),
    "pt": _language(
        "latin",
        empty="o a os as um uma uns umas de do da dos das é são era está estão este esta isto esse essa isso estes",
        asking="qual quais que quê quanto quanta quantos quantas como onde quem quando",
        opening="é são está estão há tem têm pode existe descreva identifique",
        others="e ou não em no na nos nas com sem ao à para por pela pelo se seu sua mais tem há",
    ),
    "nl": _language(
        "latin",
        empty="de het een is zijn was waren dit dat deze die van",
        asking="wat welke welk wie hoe hoeveel waar wanneer waarom waarvan waarvoor waaruit waarmee",
        opening="is zijn heeft hebben kan kunnen zit zitten staat beschrijf noem",
        others="en of niet geen in op aan bij met naar uit voor om te er onder boven tussen ook wordt worden heeft",
    ),
    "sv": _language(
        "latin",
        empty="en ett den det de är var denna detta dessa",
        asking="vad vilken vilket vilka vem hur varför när vart",
        opening="är var har kan finns beskriv nämn",
        others="och eller inte ingen i på av till med från för som om under över många har finns ut sig",
    ),
    "pl": _language(
        "latin",
        empty="jest są był była to ten ta te tego tej tych",
        asking="co jaki jaka jakie jakiego jakiej jakim kto ile czy który która które gdzie kiedy dlaczego jak czego",
        opening="opisz podaj wymień",
        others="i lub nie na w we z ze do od dla po pod nad przy się ma są jego jej",
    ),
    "tr": _language(
        "latin",
        empty="bu şu o bir",
        asking="ne nedir nelerdir hangi hangisi kim nasıl nerede neresi kaç mi mı mu mü midir mıdır mudur müdür neyden var",
        others="ve veya ile için yok üzerinde içinde olarak gibi daha değil rengi olan",
    ),
    "ja": _language(
        "hiragana katakana cjk katakana-hiragana",
        asking="か 何 なに なん どこ どの どれ どんな どちら どう だれ 誰 いつ いくつ いくら なぜ ください",
        spaced=False,
    ),
    "zh": _language(
        "cjk",
        asking="什么 什麼 哪 谁 誰 几 幾 多少 吗 嗎 呢 怎 何 是否 是不是 有没有 有沒有 请 請 描述",
        spaced=False,
    ),
    "ko": _language(
        "hangul cjk", asking="무엇 무슨 어떤 어느 어디 누구 언제 몇 얼마 까 나요 는지 가요 세요", spaced=False
    ),
    "hi": _language(
        "devanagari",
        asking="क्या कौन कौनसा कौनसी कितने कितनी कितना कहाँ कहां कैसा कैसे कैसी किस किसका किसकी किसके क्यों कब बताइए",
    ),
    "ar": _language("arabic", asking="ما ماذا هل كم أين كيف من أي أية متى لماذا لمن بماذا مما صف اذكر"),
    "he": _language(
        "hebrew", asking="מה מהו מהי מהם מהן איזה איזו אילו מי כמה איפה היכן איך כיצד מתי למה האם ממה תאר"
    ),
    "ru": _language(
        "cyrillic",
        asking="что какой какая какое какие какого каком каким кто чей сколько где когда почему как ли чего опишите",
    ),
    "el": _language("greek"),
    "hy": _language("armenian"),
    "bn": _language("bengali"),
    "ta": _language("tamil"),
    "te": _language("telugu"),
    "kn": _language("kannada"),
    "ml": _language("malayalam"),
    "gu": _language("gujarati"),
    "pa": _language("gurmukhi arabic"),
    "th": _language("thai"),
    **dict.fromkeys(("mr", "ne"), _language("devanagari")),
    **dict.fromkeys(("fa", "ur"), _language("arabic")),
    **dict.fromkeys(("uk", "bg"), _language("cyrillic")),
    **dict.fromkeys(("cs", "da", "fi", "hu", "no", "nb", "ro", "sk", "vi", "id", "ms"), _language("latin")),
}
"""Language, by the first part of its tag ('en' of en_US) → what tells it."""
