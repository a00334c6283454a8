from pathlib import Path

import pytest
import yaml

from vqatune.errors import ParameterError
from vqatune.params import check_params, load_params


def test_the_committed_parameters_are_valid(repository):
    assert load_params(repository / "params.yaml").raw.source == "showroom"


def test_every_default_named_in_the_documents_is_the_one_in_the_file(make_params):
    params = make_params()
    assert [(tier.at_least, tier.ratio) for tier in params.sample.tiers] == [
        (100_000, 0.05),
        (10_000, 0.20),
        (1_000, 0.50),
        (0, 1.0),
    ]
    assert (params.sample.cap, params.sample.minimum, params.sample.small_type_minimum) == (15_000, 1, 100)
    assert params.filter.languages == ["en_US"]
    assert (params.lora.r, params.lora.alpha, params.lora.dropout) == (8, 32, 0.05)
    assert (params.split.test_fraction, params.split.minimum_images) == (0.2, 20)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lora.rr", 8, "lora.rr is not a parameter; did you mean r?"),
        ("model.tiny.step", 3, "model.tiny.step is not a parameter; did you mean steps?"),
        ("split.zzz", 3, "split.zzz is not a parameter; known here: by, test_fraction, minimum_images"),
        (
            "sample.tiers",
            [{"at_least": 0, "ratios": 1}],
            "sample.tiers.0.ratio is missing; sample.tiers.0.ratios is not a parameter; did you mean ratio?",
        ),
        ("lora.r", "many", "lora.r: Input should be a valid integer"),
        ("lora.r", 0, "lora.r: Input should be greater than or equal to 1"),
        ("generate.provider", "oracle", "generate.provider is 'oracle', but must be"),
        ("model.source", "imagination", "model.source is 'imagination', but must be"),
        ("model.tiny.heads", 5, "model.tiny: hidden_size 96 is not a multiple of heads 5"),
        ("raw.source", "path", "raw: source is 'path', so path must name"),
        ("generate.provider", "recorded", "generate: provider is 'recorded', so path must name"),
        ("sample.tiers", [{"at_least": 10, "ratio": 1}], "sample: tiers need one with at_least: 0"),
    ],
)
def test_a_wrong_parameter_is_named(make_params, name, value, said):
    with pytest.raises(ParameterError, match="params.yaml") as caught:
        make_params({name: value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_that_comes_as_text_is_a_number(make_params):
    params = make_params({"train.learning_rate": "3e-05", "lora.r": "16"})
    assert params.train.learning_rate == 3e-5
    assert params.lora.r == 16


def test_a_missing_parameter_is_named(parameter_values):
    values = {name: section for name, section in parameter_values.items() if name != "split"}
    with pytest.raises(ParameterError, match="split is missing"):
        check_params(values, "params.yaml")


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path):
    with pytest.raises(ParameterError, match="does not exist"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(ParameterError, match="is not YAML"):
        load_params(tmp_path / "params.yaml")


def test_every_parameter_is_explained_in_the_file(repository):
    text = (repository / "params.yaml").read_text()
    sections = yaml.safe_load(text)
    assert text.count("#") >= len(sections)
