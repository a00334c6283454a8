"""Scores and comparisons as they are printed."""

import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vqatune.evaluation.comparison.compare import Comparison
from vqatune.evaluation.scoring.score import Scores
from vqatune.report.terminal.scores import show_comparison, show_scores, show_slices, show_versions, to_json

BOLD = "\x1b[1m"


def _console(width: int = 100) -> Console:
    return Console(width=width, file=StringIO(), force_terminal=True, record=True)


def _text(console: Console) -> str:
    return console.export_text(clear=False)


def _lines(console: Console, *words: str) -> list[str]:
    return [line for line in _text(console).splitlines() if all(word in line for word in words)]


def _table_lines(console: Console) -> list[str]:
    return [line for line in _text(console).splitlines() if line[:1] in tuple("┏┃┡│└")]


@pytest.fixture
def scores() -> Scores:
    totals = [("exact_match", 0.5, 0.25, 0.75, 1234), ("sbert_cosine", -0.125, -0.5, 0.0, 7)]
    absent = {"wups_00": "no WordNet", "wups_09": "no WordNet", "bartscore": "no model"}
    counts = {"pairs": 1234, "images": 50, "empty_predictions": 0, "empty_references": 0}
    columns = ["metric", "value", "low", "high", "pairs"]
    return Scores(pd.DataFrame(), pd.DataFrame(totals, columns=columns), absent, counts)


def test_scores_are_shown_with_their_intervals_and_counts(scores):
    show_scores(scores, "some [file].csv", console := _console())
    assert "some [file].csv" in _text(console)
    [line] = _lines(console, "exact_match")
    assert "0.5000" in line and "0.2500 … 0.7500" in line and "1,234" in line
    [line] = _lines(console, "sbert_cosine")
    assert "-0.1250" in line and "-0.5000 … 0.0000" in line


def test_what_is_absent_for_one_reason_is_one_line(scores):
    show_scores(scores, "file", console := _console(30))
    assert "wups_00, wups_09 are absent: no WordNet\n" in _text(console)
    assert "bartscore is absent: no model\n" in _text(console)


@pytest.mark.parametrize(
    ("predictions", "references", "said"),
    [
        (1, 1200, "1 empty prediction, 1,200 empty references\n"),
        (2, 0, "\n2 empty predictions\n"),
        (0, 1, "\n1 empty reference\n"),
    ],
)
def test_empty_texts_are_counted_where_there_are_any(scores, predictions, references, said):
    show_scores(scores, "file", console := _console(200))
    assert "empty" not in _text(console)
    scores.counts.update(empty_predictions=predictions, empty_references=references)
    show_scores(scores, "file", console := _console(200))
    assert said in _text(console)


@pytest.fixture
def by() -> pd.DataFrame:
    rows = {"slice": "kind", "value": ["[red]", ""], "pairs": [1500, 2], "images": [30, 1]}
    metrics = ["exact_match", "vqa_accuracy", "bleu", "bleu1", "rouge_l", "meteor", "fuzzy", "sbert_cosine"]
    return pd.DataFrame(
        rows
        | {name: [0.5 + place / 10_000, np.nan] for place, name in enumerate(metrics[:4])}
        | {name: [0.5 - place / 10_000, np.nan] for place, name in enumerate(metrics[4:], 1)}
    )


def test_slices_are_shown_with_counts_and_nothing_where_there_is_no_score(by):
    show_slices(by, console := _console())
    assert "by kind" in _text(console) and "nan" not in _text(console)
    [line] = _lines(console, "[red]")
    assert "1,500" in line and "0.500" in line
    assert len(_lines(console, "(empty)", "2")) == 1


@pytest.mark.parametrize("width", [25, 40, 60, 80, 100])
def test_slices_show_as_many_metrics_as_there_is_room_for(by, width):
    show_slices(by, console := _console(width))
    lines = _table_lines(console)
    assert max(map(len, lines)) <= width and "…" not in "".join(lines)
    [line] = _lines(console, "[red]")
    assert line.count("0.500") == {25: 0, 40: 2, 60: 4, 80: 5, 100: 5}[width]
    assert "Equal" not in _text(console)


def test_of_metrics_that_are_equal_in_all_rows_of_a_slice_the_first_is_shown(by):
    show_slices(by.assign(vqa_accuracy=by["exact_match"]), console := _console(100))
    [line] = _lines(console, "[red]")
    assert line.count("0.500") == 4 and "Equal to exact_match here: vqa_accuracy." in _text(console)


@pytest.fixture
def found() -> Comparison:
    metrics = [
        ("exact_match", 0.5, 0.6, 0.1, 0.05, 0.15, 40),
        ("fuzzy", 0.5, 0.49, -0.01, -0.05, 0.03, 40),
    ]
    columns = ["metric", "first", "second", "difference", "low", "high", "pairs"]
    changed = pd.DataFrame(
        {
            "change": ["gained"] * 8 + ["lost"] * 8,
            "qa_id": [f"q{number}" for number in range(16)],
            "image_id": "41Z9HFrr0YL",
            "question": ["Is [b]this[/b] it?\nIs it?", *["What " + "is " * 300 + "it?"] * 15],
            "references": "dark red",
            "first": "None",
            "second": "long " * 2000,
            "question_type": "color",
        }
    )
    slices = [
        ("product_type", "TINY", 5, 2, 1.0, 0.0, -1.0, -1.0, -1.0),
        ("product_type", "SOFA", 60, 20, 0.5, 0.25, -0.25, -0.4, -0.1),
        ("question_type", "[size]", 20, 9, 0.5, 0.375, -0.125, -0.3, 0.1),
        ("product_type", "LAMP", 60, 20, 0.5, 0.75, 0.25, 0.1, 0.4),
    ]
    names = ["slice", "value", "pairs", "images", "first", "second", "difference", "low", "high"]
    return Comparison(
        pd.DataFrame(metrics, columns=columns),
        changed,
        pd.DataFrame(slices, columns=names),
        {"bartscore": "no model"},
    )


def test_a_difference_is_bold_where_its_interval_leaves_0_out(found):
    show_comparison(found, "v7", "exp-a:v13", console := _console())
    [sure] = _lines(console, "exact_match")
    assert "0.5000" in sure and "0.6000" in sure and "+0.1000" in sure and "+0.0500 … +0.1500" in sure
    styled = console.export_text(clear=False, styles=True).splitlines()
    assert BOLD in next(line for line in styled if "exact_match" in line)
    assert BOLD not in next(line for line in styled if "fuzzy" in line)
    assert "bartscore is absent: no model" in _text(console)


def test_the_regressions_are_those_of_slices_that_say_something(found):
    show_comparison(found, "v7", "v13", console := _console())
    assert "where exact match fell most, of slices with 20 pairs or more" in _text(console)
    shown = [line.split("│")[2].strip() for line in _lines(console, " type ", "…", "-0.")]
    assert shown == ["SOFA", "[size]"]
    assert "TINY" not in _text(console) and "LAMP" not in _text(console)


def test_some_of_the_changed_pairs_are_shown_the_lost_ones_first_and_long_texts_short(found):
    show_comparison(found, "v7", "v13", console := _console(120))
    text = _text(console)
    assert "8 questions that v7 got wrong v13 got right; 8 the other way round" in text
    assert "10 of the 16 that changed; --changed FILE writes them all" in text
    kinds = [line.split("│")[1].strip() for line in _lines(console, "41Z9HFrr0YL")]
    assert kinds == ["lost"] * 5 + ["gained"] * 5
    assert "Is [b]this[/b] it? Is it?" in text and len(text.splitlines()) < 80


def test_where_nothing_changed_there_are_no_such_tables(found):
    same = Comparison(found.metrics, found.changed.head(0), found.slices.head(0), {})
    show_comparison(same, "v7", "v13", console := _console())
    assert "0 questions that v7 got wrong v13 got right; 0 the other way round" in _text(console)
    assert "fell most" not in _text(console) and "that changed" not in _text(console)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_comparison_is_as_wide_as_the_terminal_and_cuts_no_number(found, width):
    show_comparison(found, "v7", "v13", console := _console(width))
    assert max(map(len, _table_lines(console))) <= width
    assert _lines(console, "exact_match", "+0.1000") and _lines(console, "SOFA", "-0.250", "60")
    assert bool(_lines(console, "exact_match", "+0.0500 … +0.1500")) == (width > 40)


@pytest.fixture
def versions() -> dict[str, pd.DataFrame]:
    def table(value: float) -> pd.DataFrame:
        rows = [
            ("exact_match", value, value - 0.01, value + 0.0302, None),
            ("bertscore_precision", 0.75, 0.75, 0.75 + 1e-16, None),
            ("bartscore", None, None, None, "no model"),
        ]
        table = pd.DataFrame(rows, columns=["metric", "value", "low", "high", "absent"])
        return table.astype({"value": float, "low": float, "high": float})

    names = ["base", *(f"v{number}" for number in range(1, 14))]
    return {name: table(number / 16) for number, name in enumerate(names)}


@pytest.mark.parametrize(("width", "parts"), [(200, 1), (120, 2), (80, 4), (40, 14)])
def test_many_versions_are_shown_in_as_many_tables_as_it_takes(versions, width, parts):
    show_versions(versions, console := _console(width))
    assert _text(console).count("exact_match") == _text(console).count("bertscore_precision") == parts
    assert max(map(len, _table_lines(console))) <= width and "…" not in _text(console)
    shown = "".join(_lines(console, "exact_match"))
    assert all(f"│{number / 16:.3f} ±.020│" in shown for number in range(14))
    assert "bartscore is absent: no model" in _text(console) and not _lines(console, "│bartscore")


def test_the_best_of_all_versions_is_bold_whatever_table_it_is_in(versions):
    show_versions(versions, console := _console(80))
    styled = [
        line for line in console.export_text(clear=False, styles=True).splitlines() if "exact_match" in line
    ]
    assert [f"{BOLD}0.812" in line for line in styled] == [False, False, False, True]
    assert not any(BOLD in line for line in styled[:3])


def test_half_the_width_of_an_interval_is_shown_where_it_has_one(versions):
    wide = pd.DataFrame([("bartscore", -3.5, -5.0, -2.5)], columns=["metric", "value", "low", "high"])
    show_versions({"base": versions["base"], "v1": wide.assign(absent=None)}, console := _console(120))
    [line] = _lines(console, "bertscore_precision")
    assert line.split("│")[2].strip() == "0.750"
    [line] = _lines(console, "│bartscore")
    assert [part.strip() for part in line.split("│")[2:4]] == ["", "-3.500 ±1.250"]
    title = " ".join(" ".join(_text(console).split("┏")[0].split()).split())
    assert title.endswith("± half the width of the 95 % interval")


def test_a_score_that_a_version_does_not_have_is_empty(versions):
    versions["v13"] = versions["v13"].iloc[1:]
    show_versions(versions, console := _console(200))
    [line] = _lines(console, "exact_match")
    assert line.split("│")[-2].strip() == "" and "nan" not in _text(console)


def test_json_has_null_for_what_is_missing_and_plain_numbers():
    frame = pd.DataFrame({"value": [0.5, np.nan], "pairs": pd.array([3, None], dtype="Int64")})
    content = {
        "rows": frame,
        "one": np.float64("nan"),
        "count": np.int64(3),
        "list": ("é", None, pd.NA),
        "ok": True,
    }
    read = json.loads(to_json(content))
    assert read == {
        "rows": [{"value": 0.5, "pairs": 3}, {"value": None, "pairs": None}],
        "one": None,
        "count": 3,
        "list": ["é", None, None],
        "ok": True,
    }
    assert "é" in to_json(content) and to_json(content, escape_all=True).isascii()
    assert json.loads(to_json(content, escape_all=True)) == read
