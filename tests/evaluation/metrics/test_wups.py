"""WUPS: NLTK's own similarity of words, to the last bit, and what is made of it for two answers."""

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warm import RUN, Warm

from vqatune.evaluation.metrics.meteor import meteor
from vqatune.evaluation.metrics.wordnet import FILES, installed
from vqatune.evaluation.metrics.wups import READING, similarity, wordnet, wups, wups_00, wups_09

_GOLDEN = Path(__file__).parent / "golden"
_SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)
_ITEM = st.sampled_from(
    [
        "sofa",
        "couch",
        "chair",
        "Red",
        "blue",
        "wooden",
        "coffee table",
        "light",
        "woman",
        "cat",
        "2.5",
        "été",
        "?",
    ]
)
_ANSWER = st.lists(_ITEM, min_size=1, max_size=4).map(", ".join)
_ANY_TEXT = st.text(max_size=12) | st.lists(_ITEM | st.just(""), max_size=4).map(",".join)
needs_wordnet = pytest.mark.skipif(not installed(), reason="WordNet is not installed: `make` says why")


def nltk_similarity(item: str, other: str) -> float:
    """Of all pairs of senses, one call of NLTK's each."""
    ours, theirs = wordnet().synsets(item, "n"), wordnet().synsets(other, "n")
    return max((x.wup_similarity(y) for x in ours for y in theirs), default=0.0)


def differing(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    with READING:
        return [pair for pair in pairs if pair[0] != pair[1] and similarity(*pair) != nltk_similarity(*pair)]


@pytest.fixture(scope="module")
def nouns() -> list[str]:
    """Words and terms drawn from all that WordNet has as nouns."""
    with READING:
        return random.Random(7).sample(sorted(wordnet().all_lemma_names("n")), 3000)


@needs_wordnet
def test_any_two_nouns_are_as_similar_as_nltk_says(nouns):
    draw = random.Random(8)
    assert differing([(draw.choice(nouns), draw.choice(nouns)) for _ in range(700)]) == []


@needs_wordnet
def test_a_noun_and_what_is_above_it_are_as_similar_as_nltk_says(nouns):
    # Here the shortest path often leads past the synset that the two have in common, and which of the two is asked
    # matters most.
    pairs, detours = [], 0
    with READING:
        for noun in nouns[:80]:
            for sense in wordnet().synsets(noun, "n"):
                straight = dict(sorted(sense.hypernym_distances(), key=lambda found: -found[1]))
                detours += any(
                    sense.shortest_path_distance(above) < steps for above, steps in straight.items()
                )
                pairs += [(noun, above.lemma_names()[0].lower()) for above in straight]
    assert len(pairs) > 500 and detours > 5
    assert differing(pairs[::2]) == []
    assert differing([(above, noun) for noun, above in pairs[1::2]]) == []


@needs_wordnet
def test_common_words_of_many_senses_are_as_similar_as_nltk_says():
    words = ["light", "head", "line", "plate"]
    assert differing([(ours, theirs) for ours in words for theirs in words]) == []


@needs_wordnet
@pytest.mark.parametrize(("metric", "stem"), [(wups_00, "wups_00"), (wups_09, "wups_09")])
def test_wups_gives_its_golden_values(metric, stem):
    for case in json.loads((_GOLDEN / f"{stem}.json").read_text(encoding="utf-8"))["pairs"]:
        assert metric(case["prediction"], case["references"]) == pytest.approx(case["value"], abs=1e-12), case


@needs_wordnet
def test_the_weighted_golden_values_are_made_of_the_two():
    for case in json.loads((_GOLDEN / "wups_weighted.json").read_text(encoding="utf-8"))["pairs"]:
        texts = case["prediction"], case["references"]
        assert 0.7 * wups_09(*texts) + 0.3 * wups_00(*texts) == pytest.approx(case["value"], abs=1e-12), case


@needs_wordnet
def test_nltk_would_score_some_pairs_by_who_asks_and_wups_takes_the_lesser():
    assert similarity("woman", "cat") > 0.9 > similarity("cat", "woman")
    assert wups("woman", "cat", 0.0) == wups("cat", "woman", 0.0) == similarity("cat", "woman")


@needs_wordnet
def test_only_a_similarity_below_the_threshold_is_cut():
    assert similarity("chair", "sofa") == 0.9
    assert wups("chair", "sofa", 0.9) == 0.9
    assert wups("chair", "sofa", 0.901) == pytest.approx(0.09)
    assert wups("chair", "sofa", 0.0) == 0.9


@needs_wordnet
@_SETTINGS
@given(ours=_ANY_TEXT, theirs=_ANY_TEXT, threshold=st.floats(0, 1))
def test_a_score_is_symmetric_and_between_zero_and_one(ours, theirs, threshold):
    score = wups(ours, theirs, threshold)
    assert type(score) is float and 0.0 <= score <= 1.0
    assert wups(theirs, ours, threshold) == score
    assert score <= wups(ours, theirs, 0.0)


@needs_wordnet
@_SETTINGS
@given(answer=_ANSWER, order=st.randoms(use_true_random=False))
def test_items_are_a_set(answer, order):
    items = [*answer.split(", "), answer.split(", ")[0], " ", ""]
    order.shuffle(items)
    assert wups(" ,".join(items), answer, 0.9) == 1.0
    assert wups(" ,".join(items), "sofa, cat", 0.9) == wups(answer, "sofa, cat", 0.9)


@needs_wordnet
@_SETTINGS
@given(prediction=_ANY_TEXT, references=st.lists(_ANY_TEXT, min_size=1, max_size=3))
def test_the_best_reference_counts(prediction, references):
    best = max(wups_09(prediction, [reference]) for reference in references)
    assert wups_09(prediction, references) == wups_09(prediction, references[::-1]) == best


@needs_wordnet
@pytest.mark.parametrize("empty", ["", " \t\n", ",", " , ,"])
def test_a_text_without_items_is_empty(empty):
    assert (wups_00(empty, ["red"]), wups_00("red", [empty]), wups_00(empty, [""])) == (0.0, 0.0, 1.0)
    assert wups_00("red", [empty, "blue"]) == wups_00("red", ["blue"]) > 0


@needs_wordnet
@pytest.mark.parametrize("text", ["x" * 10_000, "red, " * 2_000, "كرسي أحمر", "🪑, 🛋️", "\x00", "men's"])
def test_odd_texts_have_scores(text):
    assert wups_09(text, [text]) == 1.0
    assert 0.0 <= wups_09(text, ["red sofa, cat"]) <= 1.0


_WORDS = """
    sofa chair table lamp rug mirror shelf desk stool bed clock vase plate bowl cup fork knife spoon ring necklace
    boot sandal sneaker hat scarf glove jacket shirt dress belt bag wallet case cover charger cable screen button
    leather cotton wool silk wood steel plastic glass rubber gold silver copper paper stone brick tile carpet grain
"""
_SCORE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from vqatune.evaluation.metrics.meteor import meteor
from vqatune.evaluation.metrics.wups import wups_00
words = sys.stdin.read().split()
def score(word):
    return [wups_00(word, ["seat"]), meteor(word, ["seat metal"])]
"""


@pytest.fixture
def printed(tmp_path, warm_server) -> Callable[[str], Any]:
    """Run a script in a new process, which has read nothing of WordNet yet, and return the JSON it prints."""

    def run(script: str) -> Any:
        (tmp_path / "script.py").write_text(_SCORE + script)
        command = [*RUN, str(tmp_path / "script.py")]
        process = Warm(warm_server, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = process.communicate(_WORDS, timeout=120)[0]
        assert process.returncode == 0
        return json.loads(said)

    return run


def _expected() -> list[list[float]]:
    return [[wups_00(word, ["seat"]), meteor(word, ["seat metal"])] for word in _WORDS.split()]


@pytest.mark.slow
@needs_wordnet
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_threads_that_start_at_once_get_the_scores_of_one_and_forked_processes_do_not_disturb_each_other(
    printed,
):
    # Words that no process has read yet, enough of them for two to be at one file at once.
    script = """
from vqatune.evaluation.metrics.wups import wordnet
switched = sys.getswitchinterval()
sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(8) as threads:
    found = list(threads.map(score, words))
sys.setswitchinterval(switched)
nouns = sorted(wordnet().all_lemma_names("n"))[::900]
same = get_context("fork").Pool(2).map(score, nouns, 10) == list(map(score, nouns))
print(json.dumps([found, same]))
"""
    assert printed(script) == [_expected(), True]


@pytest.fixture
def errors(printed) -> Callable[[list[str]], list[str]]:
    """What each metric says in a new process that looks for WordNet in these folders."""

    def said(path: list[str]) -> list[str]:
        found = printed(_ERRORS.format(path=path))
        assert len(found) == 2
        return found

    return said


_ERRORS = """
import nltk
from vqatune.errors import DataError
nltk.data.path[:] = {path}
errors = []
for metric, texts in ((wups_00, ("red", ["blue"])), (meteor, ("red", ["red"]))):
    try:
        metric(*texts)
    except DataError as error:
        errors.append(str(error))
print(json.dumps(errors))
"""


def test_without_wordnet_there_is_no_score_but_one_line_that_says_what_to_do(errors):
    for message in errors([]):
        assert "WordNet, which is not installed here" in message and "\n" not in message
        assert "`make`" in message and "python -m vqatune.evaluation.metrics.wordnet" in message


@pytest.mark.parametrize("whole", [False, True], ids=["files missing", "files of nonsense"])
def test_a_damaged_wordnet_is_one_line_that_says_where_and_what_to_do(whole, tmp_path, errors):
    corpus = tmp_path / "corpora" / "wordnet"
    corpus.mkdir(parents=True)
    for file in FILES if whole else FILES[1:]:
        (corpus / file).write_text("nonsense\n")
    for message in errors([str(tmp_path)]):
        assert f"is incomplete or cannot be read in {corpus}: run" in message and "\n" not in message
