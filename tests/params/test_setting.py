import difflib
import re

import pytest
import yaml

from vqatune.errors import ParameterError
from vqatune.params import load_params
from vqatune.params.render import params_yaml
from vqatune.params.setting import set_params


@pytest.fixture
def path(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml())
    return tmp_path / "params.yaml"


def test_only_the_parameters_change_and_comments_stay(path):
    before = path.read_text().split()
    changed = set_params(path, {"raw": {"path": "a/b.csv"}, "filter": {"languages": "all"}}, "for a test")
    assert changed == ["raw.path: data/unset/raw.path → a/b.csv", "filter.languages: ['en_US'] → all"]
    # Word by word, because lines of long lists are broken elsewhere.
    words = [word for word in difflib.ndiff(before, path.read_text().split()) if word[0] in "+-"]
    assert words == ["- data/unset/raw.path", "+ a/b.csv", "- [en_US]", "+ all"]


@pytest.mark.parametrize(
    "text", ["no", "1", "null", "a: b", "x, y", "#1", "", " ", "é 'x' \"y\"", "Body (HTML)", "@"]
)
def test_any_text_is_read_as_it_was_set(path, text):
    set_params(path, {"raw": {"columns": {"id": text, "pictures": [text, "b"]}}}, "for a test")
    columns = load_params(path).raw.columns
    assert columns.id == text and columns.pictures == [text, "b"]


def test_a_text_that_looks_like_a_list_stays_as_it_is(path):
    text = path.read_text()
    words = "prompt: |\n    colors: [red,\n            {question}\n"
    assert "  prompt: null\n" in text
    path.write_text(text.replace("  prompt: null\n", f"  {words}"))
    set_params(path, {"seed": 14}, "for a test")
    assert words in path.read_text() and "seed: 14" in path.read_text()


@pytest.mark.parametrize("list_", ["pictures: []", "product_description, product_type, style, item_name]"])
def test_a_comment_behind_a_list_stays_there(path, list_):
    text = path.read_text()
    assert list_ in text
    path.write_text(text.replace(list_, f"{list_}  # ours, [sic]", 1))
    set_params(path, {"seed": 14}, "for a test")
    assert re.search(r"\]\s+# ours, \[sic\]\n", path.read_text()) and "seed: 14" in path.read_text()


def test_a_version_in_another_style_keeps_the_chain_as_it_is(path):
    set_params(path, {}, "for a test", versions=3)
    line = '  v3: {previous: v2, batch: "03"}\n'
    path.write_text(path.read_text().replace(line, f"{line[:-1]}  # the last\n"))
    assert set_params(path, {}, "for a test", default_chain=True) == []


def test_the_first_versions_of_the_default_chain_become_the_whole_of_it_and_a_longer_chain_stays(path):
    assert set_params(path, {}, "for a test", default_chain=True) == []
    before = path.read_text()
    set_params(path, {}, "for a test", versions=3)
    assert set_params(path, {}, "for a test", default_chain=True) == ["versions: 3 → 13"]
    assert path.read_text() == before
    last = '  v13: {previous: v12, batch: "13"}\n'
    path.write_text(before.replace(last, last + '  v14: {previous: v13, batch: "14"}\n'))
    assert set_params(path, {}, "for a test", default_chain=True) == []


def test_a_chain_is_shortened_with_all_that_is_listed_from_it_but_never_made_longer(path):
    assert set_params(path, {}, "for a test", versions=20) == []
    assert set_params(path, {}, "for a test", versions=3) == ["versions: 13 → 3"]
    values = yaml.safe_load(path.read_text())
    assert list(values["versions"]) == ["v1", "v2", "v3"]
    assert set(values["evaluated"]) == {"blind", "base", "v1", "v2", "v3"}
    assert "# What predict runs for" in path.read_text()


def test_what_would_be_wrong_is_not_written(path):
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="params.yaml for a test: raw.source is 'attic'"):
        set_params(path, {"raw": {"source": "attic"}}, "for a test")
    assert path.read_bytes() == before
