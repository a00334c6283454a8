import json
import subprocess

import pytest
import yaml

from vqatune.errors import DataError
from vqatune.params import Params, check_params, load_params
from vqatune.params.profiles import apply_profile
from vqatune.params.render import params_yaml
from vqatune.report.page.provenance import changed_parameters, how_it_was_made, training_parameters


def test_the_defaults_are_the_parameters_as_they_come(parameter_values):
    assert check_params(parameter_values, "params.yaml") == Params(), (
        "params.yaml differs from the defaults in src/vqatune/params: run `python -m vqatune.params.render`"
    )


def test_the_profile_of_the_showroom_brings_the_defaults_back(repository, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text(params_yaml())
    apply_profile("abo", repository / "profiles", params)
    changed = changed_parameters(load_params(params))
    assert {"raw.source", "model.source", "compute.precision"} <= set(changed["parameter"])
    apply_profile("showroom", repository / "profiles", params)
    assert changed_parameters(load_params(params)).empty


def test_parameters_that_were_changed_are_named_with_their_defaults(make_params):
    defaults = yaml.safe_load(params_yaml())
    same = {
        name: value
        for section, values in defaults.items()
        if section == "lora"
        for name, value in values.items()
    }
    params = make_params(
        {f"lora.{name}": value for name, value in same.items()} | {"lora.r": 99, "raw.path": "a b"}
    )
    table = changed_parameters(params).set_index("parameter")
    assert table.loc["lora.r"].tolist() == [str(defaults["lora"]["r"]), "99"]
    assert table.loc["raw.path"].tolist() == ["null", "a b"]
    assert "lora.alpha" not in table.index and "lora.target_modules" not in table.index


def test_the_parameters_of_the_training_are_shown_as_params_yaml_writes_them(make_params):
    shown = dict(training_parameters(make_params({"lora.r": 99, "train.learning_rate": 5e-4})))
    assert (shown["lora.r"], float(shown["train.learning_rate"])) == ("99", 5e-4)
    # What says nothing with a source is left out.
    assert shown["model.source"] == "showroom" and not {"model.name", "model.family"} & set(shown)
    of_hub = dict(training_parameters(make_params({"model.source": "hub", "model.name": "a/b"})))
    assert of_hub["model.name"] == "a/b" and "model.family" not in of_hub
    of_tiny = dict(training_parameters(make_params({"model.source": "tiny", "model.family": "llava"})))
    assert of_tiny["model.family"] == "llava" and "model.name" not in of_tiny


def test_the_number_that_an_experiment_sets_as_text_is_the_number(make_params):
    default = yaml.safe_load(params_yaml())["train"]["learning_rate"]
    params = make_params({"train.learning_rate": f"{default:.1e}"})
    assert "train.learning_rate" not in changed_parameters(params)["parameter"].tolist()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    (tmp_path / "code.py").write_text("1\n")
    for command in (["init", "--quiet"], ["add", "code.py"], [*identity, "commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_the_commit_is_named_and_whether_files_differ_from_it(checkout):
    facts = dict(how_it_was_made("cpu").facts)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert facts["commit"] == f"{commit}, without changes" and facts["device"] == "cpu"
    (checkout / "code.py").write_text("2\n")
    (checkout / "new.txt").write_text("not followed\n")
    assert (
        dict(how_it_was_made("cpu").facts)["commit"]
        == f"{commit}, with changes that are not committed in code.py"
    )


def test_hashes_and_times_are_those_of_dvc_lock_and_of_the_stages_here(checkout):
    made = how_it_was_made("cpu")
    assert made.data.empty and made.timings.empty
    out = {"path": "data/a.parquet", "hash": "md5", "md5": "abc", "size": 5}
    (checkout / "dvc.lock").write_text(yaml.safe_dump({"stages": {"one": {"cmd": "x", "outs": [out]}}}))
    (checkout / ".work/timings").mkdir(parents=True)
    record = {"stage": "one", "seconds": 1.5, "peak_mb": 70}
    (checkout / ".work/timings/one.json").write_text(json.dumps(record))
    made = how_it_was_made("cpu")
    assert made.data.to_dict("records") == [
        {"output": "data/a.parquet", "stage": "one", "bytes": 5, "md5": "abc"}
    ]
    assert made.timings.to_dict("records") == [record]
    (checkout / "dvc.lock").write_text("stages: [1")
    with pytest.raises(DataError, match="dvc.lock is damaged"):
        how_it_was_made("cpu")
