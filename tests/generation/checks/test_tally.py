import json
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.generation.checks.checks import CHECKS
from vqatune.generation.checks.tally import CheckTally, expected_ratio

COLUMNS = [
    "image_id",
    "question",
    "answer",
    "difficulty",
    "question_type",
    "product_type",
    "generator",
    "prompt",
    "check",
]
ROWS = [
    ("a", "What color is it?", "Red", 0, "color", "LAMP", "model", "varied-v1", None),
    ("a", "Is it red?", "YES", 1, "color", "LAMP", "model", "varied-v1", None),
    ("a", "How wide is it?", "12cm", 1, "size", "LAMP", "model", "varied-v1", "not_visible"),
    ("b", "What color is it", "red", None, "color", "CHAIR", "model", "varied-v1", None),
    ("c", "What color is it?", "None", 0, None, "CHAIR", "other", None, "none_like"),
]


def make_part(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS).astype({"difficulty": "Int8"})


def tally_of(*parts: pd.DataFrame) -> CheckTally:
    tally = CheckTally()
    for part in parts:
        tally.add(part)
    return tally


def test_the_report_says_what_was_kept_and_of_what():
    report = tally_of(make_part(ROWS)).report()
    assert (report["pairs"], report["kept"]) == (5, 3)
    assert list(report["dropped"]) == list(CHECKS)
    assert {name: count for name, count in report["dropped"].items() if count} == {
        "none_like": 1,
        "not_visible": 1,
    }
    assert {name: count for name, count in report["question_types"].items() if count} == {"color": 3}
    assert report["difficulties"] == {"0": 1, "1": 1, "2": 0, "3": 0, "5": 0, "none": 1}
    assert report["generators"] == {"model": 3}
    assert report["pairs_per_image"] == {"mean": 1.0, "min": 0, "max": 2}
    assert report["answers"] == [
        {"answer": "red", "count": 2, "share": 0.666667},
        {"answer": "yes", "count": 1, "share": 0.333333},
    ]
    assert (report["distinct_answers"], report["yes_no_share"]) == (2, 0.333333)
    assert report["type_token_diversity"] == {
        "questions": {
            "words": 11,
            "distinct": 5,
            "ratio": 0.454545,
            "in_1000_words": None,
            "distinct_share": 0.666667,
        },
        "answers": {"words": 3, "distinct": 2, "ratio": 0.666667, "in_1000_words": None},
    }
    assert json.loads(json.dumps(report)) == report


def test_the_rates_break_down_what_was_dropped():
    rates = tally_of(make_part(ROWS)).rates()
    assert list(rates.columns) == ["by", "value", "pairs", "dropped", "share", *CHECKS]
    short = rates[["by", "value", "pairs", "dropped", "share", "none_like", "not_visible"]]
    assert list(short.itertuples(index=False, name=None)) == [
        ("all", "all", 5, 2, 0.4, 1, 1),
        ("generator", "model", 4, 1, 0.25, 0, 1),
        ("generator", "other", 1, 1, 1.0, 1, 0),
        ("prompt", "none", 1, 1, 1.0, 1, 0),
        ("prompt", "varied-v1", 4, 1, 0.25, 0, 1),
        ("product_type", "CHAIR", 2, 1, 0.5, 1, 0),
        ("product_type", "LAMP", 3, 1, 0.333333, 0, 1),
    ]
    without = tally_of(make_part(ROWS).drop(columns="prompt")).rates()
    pd.testing.assert_frame_equal(without, rates[rates["by"] != "prompt"].reset_index(drop=True))


words = st.sampled_from(["red", "Red", "yes", "no", "blue", "two words", "बड़ा"])
rows = st.tuples(
    st.sampled_from("abcd"),
    words.map("Is it {}?".format),
    words,
    st.sampled_from([None, 0, 5]),
    st.sampled_from(["color", "shape"]),
    st.sampled_from(["LAMP", "CHAIR"]),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["p", None]),
    st.sampled_from([None, None, *CHECKS]),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(rows, max_size=30), st.integers(1, 8), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_cut_of_the_parts_changes_anything(rows, size, random):
    # All pairs of an image are in one part.
    images = sorted({row[0] for row in rows})
    random.shuffle(images)
    shuffled = random.sample(rows, len(rows))
    parts = [
        make_part([row for row in shuffled if row[0] in images[start : start + size]])
        for start in range(0, len(images), size)
    ]
    whole, parted = tally_of(make_part(rows)), tally_of(*parts)
    assert whole.report() == parted.report()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Few texts are in memory, the others in files; parts are counted by themselves, and their counts put together.
        patch.setattr("vqatune.generation.checks.text_counts._IN_MEMORY", 2)
        states = []
        for number, part in enumerate(parts):
            tally = CheckTally(Path(folder) / str(number))
            tally.add(part)
            states.append(json.loads(json.dumps(tally.state())))
        assert CheckTally.of_states(states).report() == whole.report()
    if rows:
        pd.testing.assert_frame_equal(whole.rates(), parted.rates())
    report = whole.report()
    assert report["pairs"] == report["kept"] + sum(report["dropped"].values()) == len(rows)
    for name in ("question_types", "difficulties", "generators"):
        assert sum(report[name].values()) == report["kept"]


def test_an_empty_tally_has_no_shares():
    for tally in (tally_of(), tally_of(make_part([]))):
        report = tally.report()
        assert (report["pairs"], report["yes_no_share"], report["answers"]) == (0, None, [])
        assert report["pairs_per_image"] == {"mean": None, "min": None, "max": None}
        assert tally.rates()["value"].tolist() == ["all"]


def test_a_check_that_does_not_exist_is_an_error():
    with pytest.raises(DataError, match="the column check names nonsense: the checks are empty_question"):
        tally_of(make_part(ROWS).assign(check="nonsense"))


def test_the_expected_ratio_is_the_mean_over_samples():
    counts = Counter({f"word {rank}": 4000 // rank for rank in range(1, 700)})
    text = list(counts.elements())
    draw = random.Random(1)
    sampled = [len(set(draw.sample(text, 1000))) / 1000 for _ in range(300)]
    assert expected_ratio(counts) == pytest.approx(sum(sampled) / 300, abs=0.002)
    assert expected_ratio(Counter({"a": 2, "b": 1}), words=2) == pytest.approx((2 / 3 * 2 + 1 / 3 * 1) / 2)
    assert expected_ratio(Counter({"a": 2, "b": 1}), words=3) == pytest.approx(2 / 3)
    assert expected_ratio(Counter({"a": 999})) is None


def test_runs_of_different_size_compare():
    small = Counter({f"word {rank}": 2000 // rank for rank in range(1, 300)})
    large = Counter({word: 50 * count for word, count in small.items()})
    assert len(large) / large.total() < 0.05 * len(small) / small.total()
    assert expected_ratio(large) == pytest.approx(expected_ratio(small), rel=0.05)


def test_more_questions_than_are_in_memory_are_counted_once(tmp_path):
    tally = CheckTally(tmp_path)
    for start in range(0, 150_000, 50_000):
        numbers = range(start, start + 50_000)
        part = make_part([ROWS[0]]).loc[[0] * 50_000].reset_index(drop=True)
        tally.add(
            part.assign(
                question=[f"Is it {n % 7} or {n}?" for n in numbers], image_id=[f"{n // 5}" for n in numbers]
            )
        )
    assert any((tmp_path / "questions").iterdir())
    report = tally.report()
    assert report["type_token_diversity"]["questions"]["distinct_share"] == 1.0
    assert report["pairs_per_image"] == {"mean": 5.0, "min": 5, "max": 5}
