import re

import pytest
import yaml
from ruamel.yaml import YAML

from vqatune.errors import ParameterError
from vqatune.params import LoraParams, Params, check_params, load_params
from vqatune.params.render import LISTS, WIDTH, params_yaml, read_values, reference
from vqatune.params.versions import chain

HINT = "differs from the classes in src/vqatune/params: run `python -m vqatune.params.render`"


def _comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


def _names(values: dict, prefix: str = "") -> list[str]:
    names = []
    for name, value in values.items():
        inner = isinstance(value, dict) and prefix + name not in LISTS
        names += _names(value, f"{prefix}{name}.") if inner else [prefix + name]
    return names


def test_params_yaml_has_the_parameters_and_comments_that_are_rendered_with_any_values(repository):
    text, rendered = (repository / "params.yaml").read_text(encoding="utf-8"), params_yaml()
    assert _comments(text) == _comments(rendered), f"params.yaml {HINT}"
    assert _names(yaml.safe_load(text)) == _names(yaml.safe_load(rendered)), f"params.yaml {HINT}"


def test_rendering_keeps_values_adds_new_parameters_and_drops_gone_ones(tmp_path, capsys):
    path = tmp_path / "params.yaml"
    changed = params_yaml().replace("  r: 8\n", "  r: 16\n  gone: 1\n").replace("  weight_decay: 0.01\n", "")
    changed = changed.replace("    model: embedded\n", "    model: null\n", 1)
    path.write_text(re.sub(r"(?m)^  v(3|4|5|6|7|8|9|\d\d): .*\n", "", changed))
    text = params_yaml(read_values(path))
    assert capsys.readouterr().err == "lora.gone is not a parameter: it is left out\n"
    params = check_params(yaml.safe_load(text), "params.yaml")
    assert (params.lora.r, params.train.weight_decay, params.eval.bertscore.model) == (16, 0.01, None)
    assert params.version_names == ["base", "v1", "v2"] and _comments(text) == _comments(params_yaml())


def test_the_reference_is_what_is_rendered(repository):
    assert (repository / "docs/params.md").read_text(encoding="utf-8") == reference(), (
        f"docs/params.md {HINT}"
    )


@pytest.mark.parametrize("read", [yaml.safe_load, YAML(typ="safe").load], ids=["YAML 1.1", "YAML 1.2"])
def test_what_is_rendered_has_the_defaults(read):
    values = read(params_yaml())
    assert check_params(values, "params.yaml") == Params()
    assert values["versions"]["v9"] == {"previous": "v8", "batch": "09"}
    assert values["train"]["learning_rate"] == 1e-3 and isinstance(values["train"]["learning_rate"], float)


def test_every_description_stands_in_both_and_no_line_is_too_long():
    text, page = params_yaml(), reference()
    assert max(map(len, text.splitlines())) <= WIDTH
    comments = " ".join(re.findall("(?m)^ *# (.*)$", text))
    for field in LoraParams.model_fields.values():
        assert field.description in comments and field.description in page


def test_types_are_said_in_words():
    page = reference()
    for row in (
        "| `r` | integer from 1 to 4096 | `8` | LoRA rank: adapter capacity and size. |",
        "| `schedule` | `constant`, `linear` or `cosine` | `constant` |",
        "| `max_failed` | number from 0 to 1 | `0.01` |",
        "| `temperature` | number from 0 to 2, or `null` | `null` |",
        "| `path` | path | `data/unset/raw.path` |",
        "| `tiers` | list of {at_least, ratio} | `[{at_least: 100000, ratio: 0.05},",
        "| `tiny.learning_rate` | number > 0 | `7.0e-4` |",
        "| `gradient_checkpointing` | `true` or `false` | `false` |",
    ):
        assert row in page


@pytest.mark.parametrize("rate", [1e-4, 3.14159e-5, 0.00123456789, 2.5e-10])
def test_no_digit_of_a_number_is_lost(rate):
    text = params_yaml(
        Params().model_copy(update={"train": Params().train.model_copy(update={"learning_rate": rate})})
    )
    assert yaml.safe_load(text)["train"]["learning_rate"] == rate


def test_a_chain_without_versions_is_rendered_so_that_it_is_read_again():
    values = yaml.safe_load(params_yaml()) | {"versions": {}, "predicted": {"base": {}}}
    values["evaluated"] = {"blind": {}, "base": {}}
    again = check_params(yaml.safe_load(params_yaml(check_params(values, "params.yaml"))), "params.yaml")
    assert again.evaluated_names == ["blind", "base"]


def test_a_file_with_a_number_of_batches_gets_a_chain_of_that_length(tmp_path):
    path = tmp_path / "params.yaml"
    old = yaml.safe_load(params_yaml())
    del old["versions"], old["predicted"], old["evaluated"]
    old["batch"]["count"] = 3
    path.write_text(yaml.safe_dump(old))
    assert read_values(path).version_names == ["base", "v1", "v2", "v3"]


def test_a_file_with_one_list_of_what_is_measured_is_refused_in_a_line_and_brought_over(tmp_path, capsys):
    path = tmp_path / "params.yaml"
    old = yaml.safe_load(params_yaml(Params().model_copy(update={"versions": chain(3)})))
    del old["evaluated"]
    old["measured"] = old.pop("predicted")
    old["lora"]["r"] = 16
    path.write_text(yaml.safe_dump(old))
    with pytest.raises(ParameterError) as caught:
        load_params(path)
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{path}: measured is now two lists") and "python -m vqatune.params.render" in line
    params = read_values(path)
    assert capsys.readouterr().err == ""
    assert params.evaluated_names == ["blind", "base", "v1", "v2", "v3"] and params.lora.r == 16


def test_one_edit_of_the_versions_changes_what_is_predicted_and_evaluated():
    text = "".join(
        line for line in params_yaml().splitlines(keepends=True) if not re.match(r"  v\d\d?: ", line)
    )
    text = text.replace("&versions\n", '&versions\n  v1: {previous: base, batch: "01"}\n')
    for read in (yaml.safe_load, YAML(typ="safe").load):
        params = check_params(read(text), "params.yaml")
        assert params.evaluated_names == ["blind", "base", "v1"] and set(params.predicted) == {"base", "v1"}
