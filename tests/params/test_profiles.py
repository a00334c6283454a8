import pytest
import yaml

from vqatune.errors import ParameterError
from vqatune.params import load_params
from vqatune.params.profiles import apply_profile
from vqatune.params.render import params_yaml
from vqatune.params.setting import set_params


@pytest.fixture
def params_file(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(params_yaml())
    return path


def test_the_abo_profile_sets_the_real_thing_and_keeps_the_comments(params_file, repository):
    comments = [line for line in params_file.read_text().splitlines() if line.strip().startswith("#")]
    changed = apply_profile("abo", repository / "profiles", params_file)
    params = load_params(params_file)
    assert (params.raw.source, params.model.source) == ("abo", "hub")
    assert (params.model.name, len(params.model.revision)) == ("Salesforce/blip-vqa-base", 40)
    assert params.lora.target_modules == ["qkv", "projection"]
    assert params.train.learning_rate == 1e-4
    assert "raw.source: showroom → abo" in changed
    after = params_file.read_text().splitlines()
    assert [line for line in after if line.strip().startswith("#")] == comments


def test_the_showroom_profile_goes_back(params_file, repository):
    before = yaml.safe_load(params_file.read_text())
    apply_profile("abo", repository / "profiles", params_file)
    apply_profile("showroom", repository / "profiles", params_file)
    assert yaml.safe_load(params_file.read_text()) == before
    assert apply_profile("showroom", repository / "profiles", params_file) == []


def test_the_showroom_profile_sets_back_what_other_profiles_set_and_nothing_else(params_file, tmp_path):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    defaults = params_file.read_text()
    (profiles / "mine.yaml").write_text("lora: {r: 4, alpha: 8}\ncompute: {threads: 2}\n")
    apply_profile("mine", profiles, params_file)
    params_file.write_text(params_file.read_text().replace("epochs: 1", "epochs: 2"))
    (profiles / "broken.yaml").write_text("lora: {rank: 4}\nmodel: 1\nnone: 3\n")
    changed = apply_profile("showroom", profiles, params_file)
    assert changed == ["lora.r: 4 → 8", "lora.alpha: 8 → 32", "compute.threads: 2 → 1"]
    assert params_file.read_text().split() == defaults.replace("epochs: 1", "epochs: 2").split()


def test_a_profile_with_a_wrong_parameter_leaves_the_file_alone(params_file, tmp_path):
    (tmp_path / "mine.yaml").write_text("lora: {rank: 4}\n")
    before = params_file.read_bytes()
    with pytest.raises(ParameterError, match="lora.rank is not a parameter"):
        apply_profile("mine", tmp_path, params_file)
    assert params_file.read_bytes() == before


def test_an_unknown_profile_is_answered_with_the_known_ones(params_file, repository):
    with pytest.raises(ParameterError, match="there are: abo, blip, museum, showroom"):
        apply_profile("moon", repository / "profiles", params_file)


def test_the_base_models_profile_leaves_a_catalogue_of_ones_own_and_abos_replaces_it(params_file, repository):
    own = {"raw": {"source": "folder", "pictures": "photos"}, "filter": {"languages": "all"}}
    set_params(params_file, own, "for a test")
    apply_profile("blip", repository / "profiles", params_file)
    values = yaml.safe_load(params_file.read_text())
    assert (values["raw"]["source"], values["model"]["source"]) == ("folder", "hub")
    apply_profile("abo", repository / "profiles", params_file)
    values = yaml.safe_load(params_file.read_text())
    assert values["raw"]["pictures"] == "data/unset/raw.pictures" and values["filter"]["languages"] == [
        "en_US"
    ]
