"""Tuning from a DataFrame, as in a notebook: no git, no DVC, no params.yaml."""

import io
import json

import pandas as pd
import pytest
from PIL import Image

import vqatune
from vqatune.errors import DataError, ParameterError

PARAMETERS = {
    "compute.device": "cpu",
    "compute.threads": 1,
    "compute.arithmetic": "portable",
    "lora.r": 4,
    "train.epochs": 1,
}


@pytest.fixture(scope="module")
def frame(tmp_path_factory) -> pd.DataFrame:
    """Pairs about three pictures: a file, an opened picture, and bytes."""
    folder = tmp_path_factory.mktemp("photos")
    Image.new("RGB", (40, 30), "red").save(folder / "red.png")
    blue = io.BytesIO()
    Image.new("RGB", (30, 40), "blue").save(blue, "JPEG")
    pictures = [folder / "red.png", Image.new("RGBA", (20, 20), "green"), blue.getvalue()]
    rows = [
        (picture, "what color is it?", color)
        for picture, color in zip(pictures, ["red", "green", "blue"], strict=True)
    ]
    rows += [(str(pictures[0]), "is it striped?", "no"), (pictures[2], "is it striped?", "no")]
    return pd.DataFrame(rows, columns=["image", "question", "answer"], index=[7, 3, 5, 1, 9])


@pytest.fixture(scope="module")
def adapter(frame, tiny_base, tmp_path_factory):
    return vqatune.tune(
        frame, tmp_path_factory.mktemp("tuned") / "shop", base=tiny_base, parameters=PARAMETERS
    )


def test_an_adapter_is_tuned_that_answers(adapter, frame):
    assert adapter.name == "v1"
    assert not list((adapter.parent / "base").glob("*.safetensors"))
    log = pd.read_csv(adapter / "log.csv")
    assert log["pairs_seen"].iloc[-1] == len(frame) and log["images_skipped"].iloc[-1] == 0
    assert json.loads((adapter / "adapter_config.json").read_text())["r"] == 4
    answers = vqatune.Answerer(adapter).ask(frame["image"].iloc[1], ["what color is it?", "is it striped?"])
    assert [answer.question for answer in answers] == ["what color is it?", "is it striped?"]


def test_it_is_tuned_further_and_the_same_call_gives_the_same_bytes(adapter, frame, tiny_base, tmp_path):
    def tune(out, previous):
        return vqatune.tune(frame, out, base=tiny_base, previous=previous, parameters=PARAMETERS)

    second = tune(tmp_path / "shop", adapter)
    assert second.name == "v2"
    again = tune(tmp_path / "other", adapter)
    assert (second / "adapter_model.safetensors").read_bytes() == (
        again / "adapter_model.safetensors"
    ).read_bytes()
    with pytest.raises(DataError, match=r"shop/v2 exists: name another folder, or tune it further"):
        tune(tmp_path / "shop", adapter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="answer"), "has no column answer"),
        (lambda frame: frame.iloc[:0], "has no row"),
        (
            lambda frame: frame.assign(answer=["red", "", None, "no", "no"]),
            "2 of 5 rows have no answer, such as row 3",
        ),
        (lambda frame: frame.assign(image="nowhere.jpg"), "row 7: there is no file nowhere.jpg"),
        (lambda frame: frame.assign(image=7), "row 7: image is int, but must be a path"),
    ],
)
def test_what_cannot_be_trained_on_is_named(frame, tiny_base, tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        vqatune.tune(change(frame), tmp_path / "shop", base=tiny_base)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"lora.rank": 4}, "lora.rank is not a parameter"),
        ({"split.by": "image"}, "split.by is no parameter of lora, train, compute"),
        ({"train.epochs": "many"}, "train.epochs"),
    ],
)
def test_a_wrong_parameter_is_named(frame, tmp_path, parameters, said):
    with pytest.raises(ParameterError, match=said):
        vqatune.tune(frame, tmp_path / "shop", parameters=parameters)
