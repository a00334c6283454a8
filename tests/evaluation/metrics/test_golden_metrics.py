"""Every metric against golden values, and against the library that defines it on texts nobody chose."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.errors import ParameterError
from vqatune.evaluation import score
from vqatune.evaluation.metrics import METRICS, wordnet

_HERE = Path(__file__).parent
with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(_HERE)
    import golden_models
    import make_golden

_BY_FUNCTION = [name for name, metric in METRICS.items() if metric.pair]
_BY_SCORE = [name for name, metric in METRICS.items() if not metric.pair and name != "average_mark"]
_MODELS = {"bertscore", "sbert", "bartscore"}
_WORDNET = {name for name, metric in METRICS.items() if metric.group == "wordnet"} | {"wups_weighted"}

# Few words, so that texts share some; odd signs and cases among them.
_WORD = st.sampled_from(
    ["red", "Red", "reds", "dark", "chairs", "chair", "the", "off-white", "2,5", "?", "été", "ß", "İ", "x"]
) | st.text(min_size=1, max_size=6).filter(str.strip)
_TEXT = st.lists(_WORD, min_size=1, max_size=6).map(" ".join)
_REFERENCES = st.lists(_TEXT, min_size=1, max_size=3)


@pytest.fixture(scope="module")
def scored(bart, tiny_params, tmp_path_factory):
    """A function of a metric and a frame: the frame's pairs and totals, with the tiny BART, on the CPU."""
    params = golden_models.with_bart(bart)
    # Three scores of BERTScore are computed at once.
    store = tmp_path_factory.mktemp("scores")
    return lambda name, frame: score(frame, [name], params=params, compute=tiny_params.compute, store=store)


def _golden(stem: str) -> dict:
    return json.loads((_HERE / "golden" / f"{stem}.json").read_text(encoding="utf-8"))


def _close(value: float | None, within: float = 1e-12) -> object:
    # Sums of float32 may differ in their last places.
    return None if value is None else pytest.approx(value, abs=within, rel=1e-6 if within > 1e-7 else None)


def _skip_without_wordnet(name: str) -> None:
    if name in _WORDNET and not wordnet.installed():
        pytest.skip("WordNet is not installed: `make` says why")


def test_every_metric_has_a_golden_file():
    assert set(METRICS) <= {path.stem for path in (_HERE / "golden").glob("*.json")}


@pytest.mark.parametrize("name", METRICS)
def test_a_golden_file_says_where_its_values_are_from(name):
    content = _golden(name)
    assert content.get("by_hand") or (content["library"], content["library_version"], content["call"])


@pytest.mark.parametrize("name", _BY_FUNCTION)
def test_a_metric_gives_its_golden_values(name):
    _skip_without_wordnet(name)
    for case in _golden(name)["pairs"]:
        value = METRICS[name].pair(case["prediction"], case["references"])
        assert value == _close(case["value"]), case


@pytest.mark.parametrize("name", _BY_SCORE)
def test_a_metric_of_models_or_of_other_metrics_gives_its_golden_values(name, scored):
    _skip_without_wordnet(name)
    cases = pd.DataFrame(_golden(name)["pairs"])
    whole = scored(name, cases.drop(columns="value"))
    values = whole.pairs[name]
    within = 1e-5 if METRICS[name].group in _MODELS else 1e-12
    for case, value in zip(cases.to_dict("records"), values, strict=True):
        assert value == pytest.approx(
            case["value"], abs=within, rel=1e-6 if within > 1e-7 else 0, nan_ok=True
        ), case
    if "total" in _golden(name):
        assert whole.totals["value"].tolist() == [_close(_golden(name)["total"])]


@pytest.mark.parametrize("case", _golden("average_mark")["cases"])
def test_the_average_mark_gives_its_golden_values(case, scored):
    frame = pd.DataFrame(case["answers"], columns=["references", "prediction", "difficulty"])
    frame["difficulty"] = frame["difficulty"].astype("Int8")
    if case["value"] is None:
        with pytest.raises(ParameterError, match="average_mark cannot be computed: no pair has a difficulty"):
            scored("average_mark", frame)
    else:
        assert scored("average_mark", frame).totals["value"].tolist() == [_close(case["value"])]


@pytest.mark.parametrize("name", list(make_golden.LIBRARIES))
def test_a_metric_agrees_with_its_library_on_any_text(name):
    _skip_without_wordnet(name)

    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(prediction=_TEXT, references=_REFERENCES)
    def agrees(prediction, references):
        expected = make_golden.LIBRARIES[name].score(prediction, references)
        assert METRICS[name].pair(prediction, references) == _close(expected)

    agrees()


def test_the_golden_values_are_what_the_libraries_give(bart):
    for stem, content in make_golden.build(bart).items():
        stored = _golden(stem)
        assert (stored["library"], stored["call"]) == (content["library"], content["call"]), stem
        models = stem in METRICS and METRICS[stem].group in _MODELS
        for old, new in zip(stored.get("pairs", ()), content.get("pairs", ()), strict=True):
            assert old == {**new, "value": _close(new["value"], 2e-6 if models else 1e-12)}, stem
        assert stored.get("tokens") == content.get("tokens"), stem
