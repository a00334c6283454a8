import re

import pytest
import yaml
from ruamel.yaml import YAML

from vqatune.params import LoraParams, Params, check_params
from vqatune.params.render import WIDTH, params_yaml, reference

HINT = "differs from the classes in src/vqatune/params: run `python -m vqatune.params.render`"


def test_params_yaml_is_what_is_rendered(repository):
    assert (repository / "params.yaml").read_text(encoding="utf-8") == params_yaml(), f"params.yaml {HINT}"


def test_the_reference_is_what_is_rendered(repository):
    assert (repository / "docs/params.md").read_text(encoding="utf-8") == reference(), (
        f"docs/params.md {HINT}"
    )


@pytest.mark.parametrize("read", [yaml.safe_load, YAML(typ="safe").load], ids=["YAML 1.1", "YAML 1.2"])
def test_what_is_rendered_has_the_defaults(read):
    values = read(params_yaml())
    assert check_params(values, "params.yaml") == Params()
    assert values["versions"]["v9"] == {"previous": "v8", "batch": "09"}
    assert values["train"]["learning_rate"] == 2e-3 and isinstance(values["train"]["learning_rate"], float)


def test_every_description_stands_in_both_and_no_line_is_too_long():
    text, page = params_yaml(), reference()
    assert max(map(len, text.splitlines())) <= WIDTH
    comments = " ".join(re.findall("(?m)^ *# (.*)$", text))
    for field in LoraParams.model_fields.values():
        assert field.description in comments and field.description in page


def test_types_are_said_in_words():
    page = reference()
    for row in (
        "| `r` | integer ≥ 1 | `8` | LoRA rank: adapter capacity and size. |",
        "| `schedule` | `constant`, `linear` or `cosine` | `constant` |",
        "| `max_failed` | number from 0 to 1 | `0.01` |",
        "| `temperature` | number from 0 to 2, or `null` | `null` |",
        "| `path` | path | `data/unset/raw.path` |",
        "| `tiers` | list of {at_least, ratio} | `[{at_least: 100000, ratio: 0.05},",
        "| `tiny.learning_rate` | number > 0 | `2.0e-3` |",
        "| `gradient_checkpointing` | `true` or `false` | `false` |",
    ):
        assert row in page
