"""The committed scores of the showroom: tuning has to show on them, or it demonstrates nothing."""

from pathlib import Path

import pandas as pd
import pytest

from vqatune.params import BASE, BLIND, load_params
from vqatune.tables import read_csv

ROOT = Path(__file__).parents[2]
LAST = load_params(ROOT / "params.yaml").version_names[-1]
HISTORY = read_csv(ROOT / "metrics/history.csv", "version").set_index("version")


def _by(version: str, slice_: str) -> pd.DataFrame:
    table = read_csv(ROOT / f"metrics/by/{version}.csv", "slice", "value")
    return table[table["slice"] == slice_].set_index("value")


def test_tuning_takes_the_base_far():
    score = HISTORY["exact_match"]
    assert score[LAST] >= 0.75
    assert score[LAST] - score[BASE] >= 0.3


def test_the_curve_rises_over_the_versions():
    steps = HISTORY["exact_match"].drop([BLIND, BASE]).diff().dropna()
    assert (steps > 0).mean() >= 2 / 3


@pytest.mark.parametrize("question_type", list(_by(LAST, "question_type").index))
def test_every_type_of_question_needs_the_picture(question_type):
    seen, guessed = (
        _by(version, "question_type").loc[question_type, "exact_match"] for version in (LAST, BLIND)
    )
    assert seen - guessed >= 0.15


def test_yes_is_said_about_as_often_as_it_is_right():
    seen = _by(LAST, "answer_kind").loc["yes/no"]
    assert seen["exact_match"] >= 0.75
    assert 0.4 <= seen["yes_share"] <= 0.6
