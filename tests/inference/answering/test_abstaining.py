"""--abstain-below of `ask` and `answer`: answers that are not probable enough are not given."""

import csv
import json
from pathlib import Path

import pytest

from vqatune.inference.answering.abstaining import CALIBRATION, NOT_SURE, digest_of
from vqatune.inference.answering.answerer import Answerer
from vqatune.report.terminal.answers import shown_number

COLOR, STRIPES = "what color is it?", "is it striped?"


@pytest.fixture
def linked(models, tmp_path) -> Path:
    """The folder that commands run in, with the models."""
    (tmp_path / "models").symlink_to(models)
    return tmp_path


@pytest.fixture
def two(models, contents):
    """The less and the more probable of two answers about one picture."""
    found = Answerer(models / "v2").ask(contents["image00"], [COLOR, STRIPES])
    return sorted(found, key=lambda answer: answer.probability)


def test_an_answer_below_the_threshold_is_not_given_and_its_probability_is(vqatune, linked, folder, two):
    less, more = two
    between = (less.probability + more.probability) / 2
    asked = ("ask", folder / "image00.jpg", less.question, more.question, "--abstain-below", str(between))
    unsure, sure = vqatune(*asked, "--json").json
    assert unsure["answer"] is None and unsure["abstained"]
    assert unsure["probability"] == pytest.approx(less.probability, rel=1e-4)
    assert sure["answer"] == more.answer and not sure["abstained"]
    done = vqatune(*asked)
    line = next(line for line in done.out.splitlines() if less.question in line)
    assert NOT_SURE in line and shown_number(less.probability) in line and done.out.count(NOT_SURE) == 1
    assert "abstained" not in vqatune(*asked[:4], "--json").json[0]


def test_choices_go_by_their_share(vqatune, linked, folder):
    asked = ("ask", folder / "image00.jpg", COLOR, "--choices", "red,blue,green")
    [row] = vqatune(*asked, "--json").json
    share = row["choices"][0]["share"]
    assert share > row["probability"]
    for below, abstained in ((share * 0.99, False), (min(share * 1.01, 1), True)):
        [found] = vqatune(*asked, "--abstain-below", repr(below), "--json").json
        assert found == row | {"answer": None if abstained else row["answer"], "abstained": abstained}
        assert (NOT_SURE in vqatune(*asked, "--abstain-below", repr(below)).out) == abstained


def test_a_file_has_empty_answers_their_probabilities_and_their_number(vqatune, linked, folder, two):
    (linked / "questions.csv").write_text(
        "image,question\n" + "".join(f"image00,{one.question}\n" for one in two)
    )

    def answer(*options) -> tuple[list[list[str]], str]:
        (linked / "answers.csv").unlink(missing_ok=True)
        done = vqatune("answer", "questions.csv", "--images", folder, *options)
        assert done.status == 0, done.err
        return list(csv.reader((linked / "answers.csv").open(newline=""))), done.err

    whole, _ = answer()
    between = sum(one.probability for one in two) / 2
    rows, said = answer("--abstain-below", str(between))
    assert rows[1] == [*whole[1][:2], "", whole[1][3]] and rows[2] == whole[2]
    assert said.endswith(f"1 of 2 answers are below {between:g} and left empty\n")
    # Of three choices the best has a share of a third or more.
    closed = ("--choices", "red,blue,green", "--abstain-below")
    assert all(row[2] for row in answer(*closed, "0.33")[0])
    assert not any(row[2] for row in answer(*closed, "1")[0][1:])


def _keep(root: Path, temperature: object, predictions: str = "none") -> None:
    (root / CALIBRATION).mkdir(parents=True, exist_ok=True)
    kept = {"temperature": temperature, "predictions": predictions}
    (root / CALIBRATION / "v2.json").write_text(json.dumps(kept))


def test_the_temperature_of_the_checkout_is_used_and_said(vqatune, linked, folder, models, two):
    asked = ("ask", folder / "image00.jpg", two[0].question, "--json", "--abstain-below")
    below = (two[0].probability + 1) / 2
    assert vqatune(*asked, str(below)).json[0]["abstained"]
    _keep(linked, 1e6)
    done = vqatune(*asked, str(below))
    assert not done.json[0]["abstained"]
    assert done.json[0]["probability"] == pytest.approx(two[0].probability, rel=1e-4)
    assert done.err.startswith("v2: probabilities are calibrated") and done.err.count("\n") == 1
    elsewhere = vqatune(*asked, str(below), "--models", models / "v2")
    assert elsewhere.json[0]["abstained"] and elsewhere.err == ""
    assert vqatune(*asked[:-1]).err == ""


def test_a_temperature_that_is_none_or_of_other_predictions_is_one_line(vqatune, linked, folder):
    asked = ("ask", folder / "image00.jpg", COLOR, "--abstain-below", "0.5")
    for wrong in (0, "1", None, True):
        _keep(linked, wrong)
        assert "its temperature is no number above 0" in vqatune(*asked).error
    predictions = linked / "data/predictions/validation/v2.parquet"
    predictions.parent.mkdir(parents=True)
    predictions.write_bytes(b"predictions")
    _keep(linked, 2.0)
    assert "was fitted to other predictions" in vqatune(*asked).error
    _keep(linked, 2.0, digest_of(predictions))
    assert vqatune(*asked).status == 0


@pytest.mark.parametrize("wrong", ["0", "1.5", "nan", "-1", "much"])
def test_a_threshold_that_is_no_probability_is_refused(vqatune, linked, folder, wrong):
    done = vqatune("ask", folder / "image00.jpg", COLOR, "--abstain-below", wrong)
    assert done.status == 2 and "--abstain-below" in done.err
