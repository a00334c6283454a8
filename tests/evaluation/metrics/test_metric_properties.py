"""What holds for every metric, whatever the texts."""

import gzip
import json
import math
import unicodedata
from collections.abc import Callable
from itertools import islice, permutations
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation import score
from vqatune.evaluation.metrics import METRICS, wordnet
from vqatune.evaluation.metrics.text import plain, tokens

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_SETTINGS = settings(max_examples=20, deadline=None, derandomize=True, database=None)
_WORD = st.sampled_from(
    ["red", "Red", "the", "a", "none", "2,5", "?", "-", "été", "chairs", "chair", "[SEP]", "</s>"]
) | st.text(max_size=5)
_TEXT = st.lists(_WORD, max_size=5).map(" ".join)
_WORDS = st.lists(
    st.sampled_from(["red", "Dark", "chair", "2", "off-white", "été1"]), min_size=1, max_size=6
).map(" ".join)
_REFERENCES = st.lists(_TEXT, min_size=1, max_size=4)

_LONG = ["x" * 10_000, "red " * 2_500]
_ODD = [
    *_LONG,
    *[
        "",
        " \t\n",
        "\x00",
        "\x1b[31mred\x1b[0m",
        "\x7f\x08",
        "\u200b",
        "\u202ered\u202c",
        "\ufeffred",
        "\uffff",
    ],
    *[
        "كرسي أحمر",
        "כיסא אדום",
        "🪑 🛋️",
        "👩‍👩‍👧",
        "木製の椅子",
        "é",
        "e\u0301",
        "ǅ",
        "İstanbul",
        "ﬁne",
        "½",
        "١٢",
    ],
    *["[SEP]", "[CLS] red", "red [PAD]", "[MASK]", "</s>", "<s> red", "<pad>", "<unk>", "[UNK] [UNK]"],
    *[
        "yes",
        "No",
        ",",
        ", ,",
        "?!",
        "...",
        "-",
        "a",
        "the a an",
        "None",
        "NaN",
        "2,000",
        "'",
        '"',
        "\\",
        "%s {0} $1",
    ],
]
_SYMMETRIC = [
    *["exact_match", "vqa_accuracy", "rouge_l", "jaccard", "dice", "token_overlap", "fuzzy", "jaccard_clean"],
    *["wups_00", "wups_09"],
]
_ALL_REFERENCES_AT_ONCE = {"bleu", "bleu1", "vqa_accuracy"}
_MODELS = [name for name, metric in METRICS.items() if metric.group in ("bertscore", "sbert", "bartscore")]
_PAIRED = [name for name, metric in METRICS.items() if metric.pair]
# Of the questions' difficulties and of the images nothing is said here but this.
_OTHERS = {"difficulty": 1, "grounding": 1.0, "blind_exact_match": 0.0}
_YES_NO = [name for name, metric in METRICS.items() if metric.family == "yes_no"]


def _present(names: list[str]) -> list[str]:
    """Leave out what cannot be had without WordNet."""
    if wordnet.installed():
        return names
    return [name for name in names if METRICS[name].group != "wordnet" and name != "wups_weighted"]


every_pair_function = pytest.mark.parametrize(
    "metric", [METRICS[name] for name in _present(_PAIRED)], ids=_present(_PAIRED)
)
every_metric = pytest.mark.parametrize("name", _present(list(METRICS)))


@pytest.fixture(scope="module")
def scored(tmp_path_factory, tiny_params) -> Callable[..., pd.DataFrame]:
    """A function of predictions, references and names of metrics: the scores, a row a pair."""
    folder = tmp_path_factory.mktemp("bart")
    golden_models.make_tiny_bart(folder)
    params = golden_models.with_bart(folder)

    def scores(predictions, references, names=None) -> pd.DataFrame:
        frame = pd.DataFrame({"prediction": predictions, "references": references, **_OTHERS})
        names = _present(list(METRICS)) if names is None else names
        return score(frame, names, params=params, compute=tiny_params.compute).pairs[names]

    return scores


@pytest.fixture(scope="module")
def odd(scored) -> dict[tuple[str, str], dict[str, float]]:
    """The scores of odd pairs, all scored together: of a text against itself, and against others on either side."""
    pairs = [
        *((text, text) for text in _ODD),
        *((text, "Red sofa") for text in _ODD),
        *(("Red sofa", text) for text in _ODD),
        *zip(_ODD, [*_ODD[7:], *_ODD[:7]], strict=True),
    ]
    rows = scored(*map(list, zip(*pairs, strict=True))).to_dict("records")
    return dict(zip(pairs, rows, strict=True))


@every_metric
def test_any_text_scores_in_the_metric_s_range(name, odd):
    metric = METRICS[name]
    for pair, row in odd.items():
        undefined = name.endswith("_complete") and not all(map(tokens, pair))
        undefined |= name in _YES_NO and plain(pair[1]) not in ("yes", "no")
        assert metric.lowest <= row[name] <= metric.highest or (undefined and math.isnan(row[name])), pair
        assert not math.isinf(row[name]), pair


def _maximum(name: str, text: str) -> float | None:
    """Return what a text without repeated words scores against itself; None where the definition does not say."""
    words = tokens(text)
    if name == "bleu":
        # No order of words above their number, smoothed to 0.1.
        return 0.1 ** (max(0, 4 - len(words)) / 4)
    if name == "meteor":
        return 1 - 0.5 / len(words) ** 3
    if name == "rouge_l":
        return float(any(sign.isascii() and sign.isalnum() for sign in plain(text)))
    if name.startswith("bertscore"):
        return float(text not in ("\x00", "\x7f\x08", "\u200b"))
    if name in _YES_NO:
        return {"yes": 1.0, "no": 0.0}.get(plain(text), math.nan)
    return None if name == "bartscore" else 1.0


@every_metric
def test_identical_text_gets_the_metric_s_maximum(name, odd):
    for text in (text for text in _ODD if tokens(text) and text != "red " * 2_500):
        value, expected = odd[text, text][name], _maximum(name, text)
        within = 1e-6 if name in _MODELS else 1e-9
        assert expected is None or value == pytest.approx(expected, abs=within, nan_ok=True), text


@pytest.mark.parametrize(
    "name", [name for name in _present(list(METRICS)) if name not in ("bartscore", *_YES_NO)]
)
@pytest.mark.parametrize("empty", ["", " \t\n"])
def test_one_empty_side_scores_zero_and_two_score_one(name, empty, scored):
    exceptions = {
        "precision_complete": [None, 0.0, None],
        "recall_complete": [0.0, None, None],
        "grounding": [1.0, 1.0, 1.0],
        **{model: [0.0, 0.0, 0.0] for model in _MODELS},
    }
    # A pair that defines every metric stands beside them.
    values = scored([empty, "red", empty, "red"], ["red", empty, "", "red"], [name])[name][:3]
    expected = exceptions.get(name, [0.0, 0.0, 1.0])
    assert [None if math.isnan(value) else value for value in values] == expected


@every_pair_function
def test_a_score_lies_between_the_metrics_bounds(metric):
    @_SETTINGS
    @given(prediction=_TEXT, references=_REFERENCES)
    def holds(prediction, references):
        value = metric.pair(prediction, references)
        assert value is None or (type(value) is float and metric.lowest <= value <= metric.highest)

    holds()


@every_pair_function
def test_a_perfect_answer_among_others_scores_the_maximum(metric):
    @_SETTINGS
    @given(words=_WORDS, others=st.lists(_WORDS, max_size=2))
    def holds(words, others):
        distinct = " ".join(dict.fromkeys(words.split()))
        references = [distinct] if metric.name == "vqa_accuracy" else [distinct, *others]
        value, expected = metric.pair(distinct, references), _maximum(metric.name, distinct)
        assert value == pytest.approx(expected, abs=1e-9)

    holds()


def test_order_and_duplication_change_nothing(odd, scored):
    some = [*list(odd)[len(_LONG) :: 3]] * 2
    names = [name for name in _present(list(METRICS)) if name not in _MODELS]
    order = sorted(range(len(some)), key=lambda place: place * 7 % len(some))
    values = scored([some[n][0] for n in order], [some[n][1] for n in order], names)
    for place, row in zip(order, values.to_dict("records"), strict=True):
        assert all(row[name] == odd[some[place]][name] or math.isnan(row[name]) for name in names)


@every_pair_function
def test_the_order_of_the_references_does_not_matter(metric):
    @_SETTINGS
    @given(prediction=_TEXT, references=st.lists(_TEXT, min_size=2, max_size=3))
    def holds(prediction, references):
        assert len({metric.pair(prediction, list(order)) for order in permutations(references)}) == 1

    holds()


@every_pair_function
def test_case_and_white_space_do_not_matter(metric):
    @_SETTINGS
    @given(prediction=_WORDS, reference=_WORDS)
    def holds(prediction, reference):
        spread = "  " + prediction.upper().replace(" ", " \t\n ") + "\n"
        assert metric.pair(spread, [reference]) == metric.pair(prediction, [reference])

    holds()


@pytest.mark.parametrize("name", _present(_SYMMETRIC))
def test_a_symmetric_metric_does_not_care_which_side_is_the_prediction(name):
    @_SETTINGS
    @given(ours=_TEXT, theirs=_TEXT)
    def holds(ours, theirs):
        pair = METRICS[name].pair
        assert pair(ours, [theirs]) == pytest.approx(pair(theirs, [ours]), abs=1e-12)

    holds()


@every_pair_function
@pytest.mark.parametrize("word", ["None", "NA", "nan", "null"])
def test_words_that_look_like_missing_values_are_text(metric, word):
    assert metric.pair(word, [word]) == pytest.approx(_maximum(metric.name, word))
    assert metric.pair("sofa", [word]) < 0.5


@pytest.mark.parametrize("name", [name for name in _present(_PAIRED) if name not in _ALL_REFERENCES_AT_ONCE])
def test_several_references_score_the_best_of_them(name):
    @_SETTINGS
    @given(prediction=_TEXT, references=_REFERENCES)
    def holds(prediction, references):
        alone = [METRICS[name].pair(prediction, [reference]) for reference in references]
        best = max((value for value in alone if value is not None), default=None)
        assert METRICS[name].pair(prediction, references) == best

    holds()


def test_real_answers_score_the_maximum_against_themselves(repository):
    recorded = repository.parent / "shared" / "abo-slice" / "recorded-qa.jsonl.gz"
    if not recorded.exists():
        pytest.skip("the slice of real answers is not beside the repository")
    with gzip.open(recorded, "rt", encoding="utf-8") as lines:
        images = [json.loads(line) for line in islice(lines, 150)]
    answers = {pair["answer"] for image in images for pair in image["qa_pairs"]}
    assert len(answers) > 150
    for answer in filter(str.strip, answers):
        scores = {name: METRICS[name].pair(answer, [answer]) for name in _present(_PAIRED)}
        below = {name for name, value in scores.items() if value != 1.0}
        assert below <= {"bleu", "meteor"}, (answer, scores)


_BY_TEXTS = [metric for metric in METRICS.values() if metric.group == "text"]
_ACCENTED = st.lists(
    st.sampled_from(["café", "crème", "Ångström", "tốt", "가방", "an", "2"]), max_size=4
).map(" ".join)


@pytest.mark.parametrize("metric", _BY_TEXTS, ids=lambda metric: metric.name)
@_SETTINGS
@given(_ACCENTED, st.lists(_ACCENTED, min_size=1, max_size=3))
def test_a_score_is_the_same_however_the_accents_are_typed(metric, prediction, references):
    typed = [unicodedata.normalize("NFD", text) for text in references]
    expected = metric.pair(prediction, references)
    assert metric.pair(prediction, typed) == expected
    assert metric.pair(unicodedata.normalize("NFD", prediction), references) == expected


_EQUAL_ON_ONE_WORD = [
    "bleu1",
    "jaccard",
    "dice",
    "token_overlap",
    "precision_partial",
    "recall_partial",
    "lcs_ratio",
    "jaccard_clean",
]


@pytest.mark.parametrize("name", _EQUAL_ON_ONE_WORD)
@_SETTINGS
@given(*[st.sampled_from(["red", "Red", "blue", "été", "off-white", "2", "don't"])] * 2)
def test_some_metrics_are_an_exact_match_where_both_sides_are_one_word(name, prediction, reference):
    expected = METRICS["exact_match"].pair(prediction, [reference])
    assert METRICS[name].pair(prediction, [reference]) == expected
