"""METEOR: NLTK's own scores, whatever is remembered or left out on the way."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.metrics.meteor import meteor
from vqatune.evaluation.metrics.text import tokens
from vqatune.evaluation.metrics.wordnet import installed
from vqatune.evaluation.metrics.wups import READING, wordnet

_GOLDEN = Path(__file__).parent / "golden" / "meteor.json"
# Words that match as they are, by stem and as synonyms, so that the stages compete for them.
_WORDS = """
    sofa couch sofas lounge Red reds crimson chair chairs run running runs car cars auto automobile the a picture photo
    photograph photos image images colors coloring colored big large heavy bigger leather ? 2,5 été ß
"""
_WORD = st.sampled_from(_WORDS.split()) | st.text(min_size=1, max_size=5).filter(str.strip)
_TEXT = st.lists(_WORD, min_size=1, max_size=8).map(" ".join)
pytestmark = pytest.mark.skipif(not installed(), reason="WordNet is not installed: `make` says why")


def nltk_meteor(prediction: str, reference: str) -> float:
    from nltk.translate.meteor_score import single_meteor_score

    with READING:
        return single_meteor_score(tokens(reference), tokens(prediction), wordnet=wordnet())


def test_meteor_gives_its_golden_values():
    cases = json.loads(_GOLDEN.read_text(encoding="utf-8"))["pairs"]
    assert [meteor(case["prediction"], case["references"]) for case in cases] == [
        case["value"] for case in cases
    ]


def test_the_example_that_nltk_publishes_scores_as_published():
    prediction = (
        "It is a guide to action which ensures that the military always obeys the commands of the party"
    )
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"
    assert meteor(prediction, [reference]) == pytest.approx(0.6944, abs=5e-5)
    assert meteor("non matching hypothesis", ["this is a cat"]) == 0.0


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(prediction=_TEXT, reference=_TEXT)
def test_any_two_texts_score_what_nltk_gives_them(prediction, reference):
    assert meteor(prediction, [reference]) == nltk_meteor(prediction, reference)


def test_words_of_a_synset_score_what_nltk_gives_them():
    with READING:
        words = random.Random(5).sample(sorted(wordnet().all_lemma_names()), 700)
        pairs = {
            (word, name.lower())
            for word in words
            for synset in wordnet().synsets(word)
            for name in synset.lemma_names()
        }
    scores = {pair: meteor(pair[0], [pair[1]]) for pair in sorted(pairs)}
    assert len({pair for pair, score in scores.items() if score and pair[0] != pair[1]}) > 100
    assert [pair for pair, score in scores.items() if score != nltk_meteor(*pair)] == []


def test_a_perfect_answer_loses_what_its_one_chunk_costs():
    assert meteor("Red", ["red"]) == 0.5
    assert meteor("dark red sofa", ["blue", "dark  red sofa"]) == pytest.approx(1 - 0.5 / 27)


def test_the_stages_match_words_stems_and_synonyms():
    assert meteor("chairs", ["chair"]) == 0.5
    assert meteor("couch", ["sofa"]) == meteor("sofa", ["couch"]) == 0.5
    assert meteor("sofa", ["chair"]) == 0.0


@pytest.mark.parametrize("text", ["x" * 10_000, "y" * 10_000, "red " * 2_500, "كرسي أحمر", "🪑 🛋️", "\x00"])
def test_odd_texts_have_scores(text):
    assert 0.5 <= meteor(text, [text]) <= 1.0
    assert meteor(text, ["quickly"]) == 0.0
