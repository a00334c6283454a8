import copy
import os
import subprocess
import sys
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
        ("eval.sbert.zzz", 3, "eval.sbert.zzz is not a parameter; known here: model, revision"),
        (
            "sample.tiers",
            [{"at_least": 0, "ratios": 1}],
            "sample.tiers.0.ratio is missing; sample.tiers.0.ratios is not a parameter; did you mean ratio?",
        ),
        ("lora.r", "many", "lora.r: Input should be a valid integer"),
        ("lora.r", 0, "lora.r: Input should be greater than or equal to 1"),
        ("generate.provider", "oracle", "generate.provider is 'oracle', but must be"),
        ("model.source", "imagination", "model.source is 'imagination', but must be"),
        (
            "model.keep",
            "reference",
            "model: keep is 'reference', which is for source hub: with showroom it must be copy",
        ),
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


SHARE = "is no share of the work, which is 1/3, 2/3 or 3/3 where three share it"
URL = "is no URL, which starts with http:// or https:// and a host"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shard": "3/2"}, f"generate.shard: '3/2' {SHARE}"),
        ({"shard": "0/2"}, f"generate.shard: '0/2' {SHARE}"),
        ({"shard": "1 of 3"}, f"generate.shard: '1 of 3' {SHARE}"),
        ({"shard": ""}, f"generate.shard: '' {SHARE}"),
        ({"shard": 0.5}, "generate.shard: Input should be a valid string (it is 0.5)"),
        (
            {"provider": "openai"},
            "generate: provider is 'openai', so endpoint must be the server's URL",
        ),
        ({"endpoint": "localhost:8000"}, f"generate.endpoint: 'localhost:8000' {URL}"),
        ({"endpoint": "http:///v1"}, f"generate.endpoint: 'http:///v1' {URL}"),
        *(
            (
                {"provider": provider, "model": model, "endpoint": "http://a"},
                f"generate: provider is '{provider}', so model must name the model to ask",
            )
            for provider in ("gemini", "gemini_legacy", "gemini_batch", "openai", "local")
            for model in (None, "")
        ),
        (
            {"provider": "gemini_old"},
            "generate.provider is 'gemini_old', but must be 'template', 'recorded', 'gemini', 'gemini_legacy'",
        ),
        (
            {"provider": "batch", "model": "gemini-test"},
            "generate.provider: 'batch' is now called 'gemini_batch'",
        ),
        ({"reply_format": "xml"}, "generate.reply_format is 'xml', but must be 'schema', 'json' or 'text'"),
        ({"temperature": "hot"}, "generate.temperature: Input should be a valid number"),
        ({"temperature": 2.1}, "generate.temperature: Input should be less than or equal to 2 (it is 2.1)"),
        ({"attempts": 0}, "generate.attempts: Input should be greater than or equal to 1 (it is 0)"),
        ({"max_failed": 1.5}, "generate.max_failed: Input should be less than or equal to 1 (it is 1.5)"),
        ({"concurrency": 101}, "generate.concurrency: Input should be less than or equal to 100 (it is 101)"),
        ({"timeout_seconds": 0}, "generate.timeout_seconds: Input should be greater than 0 (it is 0)"),
        (
            {"limits": {"requests_per_min": 5}},
            "generate.limits.requests_per_min is not a parameter; did you mean requests_per_minute?",
        ),
        ({"limits": {"tokens_per_minute": 0}}, "generate.limits.tokens_per_minute: Input should be greater"),
        ({"price": {"input": -1}}, "generate.price.input: Input should be greater than or equal to 0"),
    ],
)
def test_a_wrong_parameter_of_asking_a_model_is_named(make_params, changes, said):
    with pytest.raises(ParameterError) as caught:
        make_params({f"generate.{name}": value for name, value in changes.items()})
    assert str(caught.value).startswith(f"params.yaml: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("seed", "x" * 10**6), ("raw.columns.fields", ["x" * 10**6])])
def test_a_value_that_is_longer_than_a_line_is_cut(make_params, name, value):
    with pytest.raises(ParameterError, match=name) as caught:
        make_params({name: value})
    assert len(str(caught.value)) < 1200


def test_a_key_that_is_put_where_no_key_belongs_is_not_repeated(make_params):
    with pytest.raises(ParameterError, match="generate.key is not a parameter") as caught:
        make_params({"generate.key": "AIza-secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"shard": "1/1"},
        {"shard": "12/12"},
        {"provider": "openai", "endpoint": "http://localhost:11434/v1"},
        {"provider": "gemini", "endpoint": "https://[::1]:8000"},
        {"provider": "template", "model": None},
        {"temperature": "0.5", "max_failed": 0, "limits": {"requests_per_minute": "15"}},
    ],
)
def test_parameters_of_asking_a_model_that_are_possible_are_taken(make_params, changes):
    taken = make_params({f"generate.{name}": value for name, value in changes.items()}).generate
    assert {name: getattr(taken, name) for name in changes if name in ("shard", "endpoint", "model")} == {
        name: value for name, value in changes.items() if name in ("shard", "endpoint", "model")
    }


def test_what_only_models_that_are_asked_need_may_be_left_out(make_params):
    assert make_params({"generate": {"provider": "template", "path": None}}).generate.attempts == 6


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


def _leaves(values: dict, prefix: tuple = ()):
    for name, value in values.items():
        if name in ("versions", "predicted", "evaluated"):
            continue
        yield (*prefix, name)
        if isinstance(value, dict) and (*prefix, name) != ("zoo", "models"):
            yield from _leaves(value, (*prefix, name))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# é\n".encode("latin-1"), "is not UTF-8"),
        ("seed: 1".encode("utf-16"), "is not UTF-8"),
        (b"a: " + b"[" * 5000, "is nested too deeply"),
        (b"seed: " + b"9" * 5000, "is not YAML: Exceeds the limit"),
        (b"seed: 1\x00", "is not YAML"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ParameterError, match=f"params.yaml {said}") as caught:
        load_params(path)
    assert "\n" not in str(caught.value)


def test_only_what_models_need_and_the_metrics_may_be_left_out(parameter_values):
    optional = {"generate.provider": False, "generate.path": False, "generate": False, "eval": False}
    optional |= {f"raw.abo_{name}.url": False for name in ("listings", "images")}
    sections = ("abo_listings", "abo_images", "columns", "dataset", "fetch")
    optional_sections = tuple(f"raw.{name}." for name in sections)
    for name in _leaves(parameter_values):
        values = copy.deepcopy(parameter_values)
        section = values
        for key in name[:-1]:
            section = section[key]
        del section[name[-1]]
        dotted = ".".join(name)
        free = name[0] in ("generate", "eval") or dotted.startswith(optional_sections)
        if optional.get(dotted, free):
            check_params(values, "params.yaml")
        else:
            with pytest.raises(ParameterError, match=f"^params.yaml: {dotted} is missing"):
                check_params(values, "params.yaml")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("generate.prompt", "mine.md", "generate.prompt: 'mine.md' is a file: name a prompt of your own by"),
        ("batch.count", 13, "batch: count is replaced by the list `versions`"),
    ],
)
def test_an_old_name_is_answered_with_the_new_one(make_params, name, value, said):
    with pytest.raises(ParameterError) as caught:
        make_params({name: value})
    assert str(caught.value).startswith(f"params.yaml: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["raw.path", "generate.path", "generate.prompt_file", "generate.reviews", "predict.candidates"]
)
def test_the_placeholder_of_a_path_and_null_are_no_path(make_params, parameter_values, repository, name):
    section, key = name.split(".")
    assert (repository / parameter_values[section][key]).is_file()
    for value in (parameter_values[section][key], None):
        assert getattr(getattr(make_params({name: value}), section), key) is None
    assert getattr(getattr(make_params({name: "a/b"}), section), key) == "a/b"


def test_every_parameter_is_explained_in_the_file(repository):
    text = (repository / "params.yaml").read_text()
    sections = yaml.safe_load(text)
    assert text.count("#") >= len(sections)


@pytest.mark.parametrize(
    "name", ["raw.path", "generate.path", "generate.prompt_file", "generate.reviews", "predict.candidates"]
)
def test_a_path_that_is_null_is_answered_with_the_placeholder(repository, tmp_path, name):
    """DVC says no more than "unexpected error"."""
    text = (repository / "params.yaml").read_text().replace(f"data/unset/{name}\n", "null\n")
    (tmp_path / "params.yaml").write_text(text)
    command = [sys.executable, "-m", "vqatune.params"]
    environment = os.environ | {"PYTHONPATH": str(repository / "src")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: params.yaml: {name} is null, which DVC cannot watch: write data/unset/{name} where none is set\n"
    )
