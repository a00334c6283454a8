"""What holds for every metric, whatever the texts."""

import gzip
import json
from itertools import islice, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.metrics import METRICS

_SETTINGS = settings(max_examples=40, deadline=None, derandomize=True, database=None)
_WORD = st.sampled_from(
    ["red", "Red", "the", "a", "none", "2,5", "?", "-", "été", "chairs", "chair"]
) | st.text(max_size=5)
_TEXT = st.lists(_WORD, max_size=5).map(" ".join)
_WORDS = st.lists(
    st.sampled_from(["red", "Dark", "chair", "2", "off-white", "été1"]), min_size=1, max_size=6
).map(" ".join)
_REFERENCES = st.lists(_TEXT, min_size=1, max_size=4)
_SYMMETRIC = [
    "exact_match",
    "vqa_accuracy",
    "rouge_l",
    "jaccard",
    "dice",
    "token_overlap",
    "fuzzy",
    "jaccard_clean",
]
_ALL_REFERENCES_AT_ONCE = {"bleu", "bleu1", "vqa_accuracy"}
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


@every_metric
def test_a_score_lies_between_zero_and_one(metric):
    @_SETTINGS
    @given(prediction=_TEXT, references=_REFERENCES)
    def holds(prediction, references):
        score = metric.pair(prediction, references)
        assert score is None or (type(score) is float and 0.0 <= score <= 1.0)

    holds()


@every_metric
def test_a_perfect_answer_scores_one(metric):
    @_SETTINGS
    @given(words=_WORDS, others=st.lists(_WORDS, max_size=2))
    def holds(words, others):
        if metric.name == "bleu":
            missing = max(0, 4 - len(words.split()))
            assert metric.pair(words, [words, *others]) == pytest.approx(0.1 ** (missing / 4), abs=1e-9)
        elif metric.name == "vqa_accuracy":
            assert metric.pair(words, [words]) == 1.0
        else:
            assert metric.pair(words, [words, *others]) == 1.0

    holds()


@every_metric
def test_the_order_of_the_references_does_not_matter(metric):
    @_SETTINGS
    @given(prediction=_TEXT, references=st.lists(_TEXT, min_size=2, max_size=3))
    def holds(prediction, references):
        assert len({metric.pair(prediction, list(order)) for order in permutations(references)}) == 1

    holds()


@every_metric
@pytest.mark.parametrize("empty", ["", " \t\n"])
def test_one_empty_side_scores_zero_and_two_score_one(metric, empty):
    undefined = {"precision_complete": (None, 0.0, None), "recall_complete": (0.0, None, None)}
    expected = undefined.get(metric.name, (0.0, 0.0, 1.0))
    scores = [metric.pair(empty, ["red"]), metric.pair("red", [empty]), metric.pair(empty, [""])]
    assert tuple(scores) == expected


@every_metric
def test_case_and_white_space_do_not_matter(metric):
    @_SETTINGS
    @given(prediction=_WORDS, reference=_WORDS)
    def holds(prediction, reference):
        spread = "  " + prediction.upper().replace(" ", " \t\n ") + "\n"
        assert metric.pair(spread, [reference]) == metric.pair(prediction, [reference])

    holds()


@pytest.mark.parametrize("name", _SYMMETRIC)
def test_a_symmetric_metric_does_not_care_which_side_is_the_prediction(name):
    @_SETTINGS
    @given(ours=_TEXT, theirs=_TEXT)
    def holds(ours, theirs):
        pair = METRICS[name].pair
        assert pair(ours, [theirs]) == pytest.approx(pair(theirs, [ours]), abs=1e-12)

    holds()


@every_metric
@pytest.mark.parametrize("word", ["None", "NA", "nan", "null"])
def test_words_that_look_like_missing_values_are_text(metric, word):
    # bleu's one-word ceiling; everything else is right or wrong.
    assert metric.pair(word, [word]) == (pytest.approx(0.1778, abs=1e-4) if metric.name == "bleu" else 1.0)
    assert metric.pair("sofa", [word]) < 0.5


@pytest.mark.parametrize("name", [name for name in METRICS if name not in _ALL_REFERENCES_AT_ONCE])
def test_another_reference_never_lowers_the_best(name):
    @_SETTINGS
    @given(prediction=_TEXT, references=_REFERENCES, another=_TEXT)
    def holds(prediction, references, another):
        before = METRICS[name].pair(prediction, references)
        after = METRICS[name].pair(prediction, [*references, another])
        assert before is None or after >= before

    holds()


def test_real_answers_score_one_against_themselves(repository):
    recorded = repository.parent / "shared" / "abo-slice" / "recorded-qa.jsonl.gz"
    if not recorded.exists():
        pytest.skip("the slice of real answers is not beside the repository")
    with gzip.open(recorded, "rt", encoding="utf-8") as lines:
        images = [json.loads(line) for line in islice(lines, 600)]
    answers = {pair["answer"] for image in images for pair in image["qa_pairs"]}
    assert len(answers) > 500
    for answer in filter(str.strip, answers):
        scores = {name: metric.pair(answer, [answer]) for name, metric in METRICS.items()}
        assert {name for name, score in scores.items() if score != 1.0} <= {"bleu"}, (answer, scores)
