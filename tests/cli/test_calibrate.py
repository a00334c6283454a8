"""`vqatune calibrate`, as its users run it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqatune import tables
from vqatune.inference.answering.abstaining import Abstaining, abstaining_of


def _pairs(part: str, count: int) -> pd.DataFrame:
    frame = pd.DataFrame(index=range(count), columns=tables.PAIRS.names, dtype="object")
    frame = frame.assign(qa_id=[f"{part}{number:03}" for number in range(count)], answer="red")
    return frame.astype({"difficulty": "Int8"})


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with a validation set of 200 pairs, a test set of 100, and answers of v1 that are surer than right."""
    (tmp_path / "models/v1").mkdir(parents=True)
    tables.write_table(_pairs("train", 0), tmp_path / "data/train.parquet", tables.PAIRS)
    sampled = pd.DataFrame(columns=tables.SAMPLED.names)
    tables.write_table(sampled, tmp_path / "data/sampled.parquet", tables.SAMPLED)
    for part, count in (("validation", 200), ("test", 100)):
        pairs = _pairs(part, count)
        tables.write_table(pairs, tmp_path / f"data/{part}.parquet", tables.PAIRS)
        _predict(tmp_path, part, pairs["qa_id"], np.arange(count) % 4 > 0, np.log(0.99))
    return tmp_path


def _predict(root: Path, part: str, names, right, log_probability) -> None:
    frame = pd.DataFrame({"qa_id": names, "prediction": np.where(right, "Red ", "blue")})
    frame = frame.assign(log_probability=log_probability, grounding=np.nan)
    folder = root / "data/predictions" / ("" if part == "test" else part)
    tables.write_table(frame, folder / "v1.parquet", tables.PREDICTIONS)


def test_the_temperature_is_fitted_shown_kept_and_used(vqatune, checkout):
    done = vqatune("calibrate", "v1")
    assert done.status == 0 and done.err == ""
    kept = json.loads((checkout / "metrics/calibration/v1.json").read_text())
    # Three of four are right: at the best temperature 0.99 becomes 0.75.
    assert np.exp(np.log(0.99) / kept["temperature"]) == pytest.approx(0.75, rel=1e-4)
    assert kept["validation"]["ece"] == pytest.approx(0.24)
    assert kept["test"]["ece_calibrated"] == pytest.approx(0, abs=1e-4)
    assert [line.split()[1] for line in done.out.splitlines() if "│" in line] == ["validation", "test"]
    assert "…" not in done.out and "0.2400" in done.out and "metrics/calibration/v1.json" in done.out
    assert abstaining_of(0.8, "v1", checkout / "models", checkout) == Abstaining(0.8, kept["temperature"])
    _predict(checkout, "test", _pairs("test", 100)["qa_id"], np.arange(100) % 2 > 0, np.log(0.99))
    vqatune("calibrate", "v1")
    assert (
        json.loads((checkout / "metrics/calibration/v1.json").read_text())["temperature"]
        == kept["temperature"]
    )


def test_answers_without_a_probability_are_left_out(vqatune, checkout):
    before = vqatune("calibrate", "v1").out
    known = np.where(np.arange(200) < 100, np.log(0.99), np.nan)
    _predict(checkout, "validation", _pairs("validation", 200)["qa_id"], np.arange(200) % 4 > 0, known)
    assert vqatune("calibrate", "v1").out == before.replace("    200 ", "    100 ")


def test_what_cannot_be_calibrated_is_one_line(vqatune, checkout):
    names = _pairs("validation", 200)["qa_id"]
    assert "data/predictions/validation/v2.parquet does not exist" in vqatune("calibrate", "v2").error
    assert "names no version" in vqatune("calibrate", "moon").error
    assert "a version of this checkout" in vqatune("calibrate", "HEAD:v1").error
    for right, said in (
        (np.ones(200), "are right: the best temperature is infinity"),
        (np.zeros(200), "are wrong"),
    ):
        _predict(checkout, "validation", names, right == 1, -0.1)
        assert said in vqatune("calibrate", "v1").error
    _predict(checkout, "validation", names, np.arange(200) > 3, np.nan)
    assert "has a probability" in vqatune("calibrate", "v1").error
    _predict(checkout, "validation", names[:3], np.arange(3) > 1, -0.1)
    assert "197 × validation pairs without a prediction" in vqatune("calibrate", "v1").error
    tables.write_table(_pairs("validation", 0), checkout / "data/validation.parquet", tables.PAIRS)
    assert "the validation set is empty" in vqatune("calibrate", "v1").error
    assert not (checkout / "metrics").exists()
