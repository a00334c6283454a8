"""The zoo, run by DVC: a tiny model, a version of the chain, and a checkpoint that cannot be had."""

import json

import pandas as pd
import pytest
from ruamel.yaml import YAML

NOT_SET = "data/unset/zoo.path"
MODELS = {
    "tiny-blip": {"path": NOT_SET, "family": "blip"},
    "tuned": {"path": "models/v2"},
    "absent": {"path": NOT_SET, "name": "nobody/has-this"},
}
STAGES = ["load", "predict", "eval"]


@pytest.fixture
def zoo(checkout):
    """A copy of the finished pipeline, with a small zoo in params.yaml."""
    checkout.set_params({"zoo.models": MODELS, "zoo.tiny_steps": 2})
    return checkout


def test_the_zoo_measures_every_model_and_says_why_one_cannot_run(zoo):
    said = zoo.run("dvc", "repro", "zoo/dvc.yaml")
    assert said.ran == [
        *(f"zoo/dvc.yaml:{stage}@{name}" for stage in STAGES for name in MODELS),
        "zoo/dvc.yaml:report",
    ]
    assert "absent cannot run here: nobody/has-this cannot be fetched" in said.stderr
    table = pd.read_csv(zoo.root / "metrics/zoo.csv").set_index(["model", "answers"])
    names = [
        ("blind", "short"),
        *((name, kind) for name in ("tiny-blip", "tuned") for kind in ("whole", "short")),
    ]
    assert list(table.index[:-1]) == names and table.index[-1][0] == "absent"
    answered = table.loc[names]
    assert answered["exact_match"].between(answered["exact_match_low"], answered["exact_match_high"]).all()
    assert table["reason"].notna().tolist() == [False] * 5 + [True]
    # The version answers as it did in the main pipeline, so that it has the same scores.
    scores = json.loads((zoo.root / "metrics/v2.json").read_text())
    assert table.loc[("tuned", "whole"), "exact_match"] == scores["exact_match"]
    blind = json.loads((zoo.root / "metrics/blind.json").read_text())
    assert table.loc[("blind", "short"), "bleu"] == blind["bleu"]
    guessed = json.loads((zoo.root / "metrics/tasks/blind.json").read_text())["multi_angle"][
        "view_consistency"
    ]
    of_tasks = table["multi_angle_view_consistency"]
    assert of_tasks["blind", "short"] == guessed
    assert 0 <= of_tasks["tuned", "short"] <= 1 and pd.isna(of_tasks["tuned", "whole"])
    measured = table.loc[[("tiny-blip", "whole"), ("tuned", "whole")]]
    assert (measured[["parameters", "weight_bytes", "peak_bytes", "answers_per_second"]] > 0).all(axis=None)
    by_kind = [name for name in table if name.startswith("exact_match_answer_kind_")]
    assert by_kind and answered[by_kind].notna().any(axis=None)
    page = (zoo.root / "metrics/zoo.html").read_text()
    assert "Models that could not run here" in page and "nobody/has-this" in page
    assert '<section id="tasks"' in page
    shown = zoo.run("vqatune", "zoo").stdout
    assert "benchmark tasks" in shown and "tiny-blip" in shown and "absent could not run here" in shown
    # A second time there is nothing to do, and the main pipeline has nothing to do with it.
    assert zoo.run("dvc", "repro", "zoo/dvc.yaml").ran == []
    assert zoo.run("dvc", "repro").ran == []
    assert not [name for name in YAML().load(zoo.root / "dvc.lock")["stages"] if "zoo" in name]
    # Other words to ask in answer anew, and load nothing anew.
    zoo.set_params({"zoo.prompt": "Tell me: {question}"})
    ran = zoo.run("dvc", "repro", "zoo/dvc.yaml:predict@tuned").ran
    assert ran == ["zoo/dvc.yaml:predict@tuned"]
