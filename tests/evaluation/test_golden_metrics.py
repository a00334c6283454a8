"""Every metric against golden values, and against the library that defines it on texts nobody chose."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation.metrics import METRICS
from vqatune.evaluation.score import score_version

_HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("make_golden", _HERE / "make_golden.py")
make_golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_golden)

# Few words, so that texts share some; odd signs and cases among them.
_WORD = st.sampled_from(
    ["red", "Red", "reds", "dark", "chairs", "chair", "the", "off-white", "2,5", "?", "été", "ß", "İ", "x"]
) | st.text(min_size=1, max_size=6).filter(str.strip)
_TEXT = st.lists(_WORD, min_size=1, max_size=6).map(" ".join)
_REFERENCES = st.lists(_TEXT, min_size=1, max_size=3)


def _golden(stem: str) -> dict:
    return json.loads((_HERE / "golden" / f"{stem}.json").read_text(encoding="utf-8"))


def _close(value: float | None) -> object:
    return None if value is None else pytest.approx(value, abs=1e-12)


def test_every_metric_has_a_golden_file():
    assert set(METRICS) <= {path.stem for path in (_HERE / "golden").glob("*.json")}


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.weights is None])
def test_a_metric_gives_its_golden_values(name):
    for case in _golden(name)["pairs"]:
        value = METRICS[name].pair(case["prediction"], case["references"])
        assert value == _close(case["value"]), case


@pytest.mark.parametrize("case", _golden("average_mark")["cases"])
def test_the_average_mark_gives_its_golden_values(case, make_version):
    predictions, test = make_version(*[tuple(answer) for answer in case["answers"]])
    assert score_version(predictions, test).totals.get("average_mark") == _close(case["value"])


@pytest.mark.parametrize("name", list(make_golden.LIBRARIES))
def test_a_metric_agrees_with_its_library_on_any_text(name):
    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(prediction=_TEXT, references=_REFERENCES)
    def agrees(prediction, references):
        expected = make_golden.LIBRARIES[name].score(prediction, references)
        assert METRICS[name].pair(prediction, references) == _close(expected)

    agrees()


def test_the_golden_values_are_what_the_libraries_give():
    for stem, content in make_golden.build().items():
        stored = _golden(stem)
        assert (stored["library"], stored["call"]) == (content["library"], content["call"]), stem
        for old, new in zip(stored.get("pairs", ()), content.get("pairs", ()), strict=True):
            assert old == {**new, "value": _close(new["value"])}, stem
        assert stored.get("tokens") == content.get("tokens"), stem
