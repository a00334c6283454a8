"""Getting the base model by its name, and versions by their path, out of another repository."""

import pytest
from gto.constants import assert_name_is_valid
from ruamel.yaml import YAML

yaml = YAML()
MADE = ["base", "v2", "v13"]


@pytest.fixture(scope="module")
def graph(repository) -> dict:
    return yaml.load(repository / "dvc.yaml")


@pytest.fixture
def at(start):
    """Make a folder in which commands run, in the environment of the other tests: at(folder).run("dvc", ...)."""

    def make(folder):
        folder.mkdir()
        return type(start)(folder, start.environment)

    return make


@pytest.fixture
def published(graph, at, tmp_path) -> str:
    """A bare git repository with the artifacts of dvc.yaml and some models and pushed to a remote."""
    shop = at(tmp_path / "shop")
    model = {
        "foreach": MADE,
        "do": {
            "cmd": "mkdir -p models/${item} && echo I am ${item} > models/${item}/name",
            "outs": ["models/${item}"],
        },
    }
    yaml.dump({"stages": {"model": model}, "artifacts": graph["artifacts"]}, shop.root / "dvc.yaml")
    shop.run("git", "init", "--quiet", "--initial-branch=main")
    shop.run("dvc", "init", "--quiet")
    shop.run("dvc", "remote", "add", "--default", "shared", tmp_path / "remote")
    shop.run("dvc", "repro")
    shop.commit()
    shop.run("dvc", "push")
    for name in MADE[:2]:
        shop.run("gto", "register", name, "--version", "v1.0.0")
    shop.run("git", "tag", "--annotate", "v13@v1.0.0", "--message", "as by hand")
    shop.run("git", "clone", "--quiet", "--bare", ".", tmp_path / "shop.git")
    return str(tmp_path / "shop.git")


def test_the_base_model_is_an_artifact(graph):
    assert list(graph["artifacts"]) == ["base"]
    artifact = graph["artifacts"]["base"]
    assert_name_is_valid("base")
    assert artifact["path"] == "models/base" and artifact["type"] == "model"
    assert artifact["labels"] == ["blip", "base"]


def test_models_are_got_without_the_repository(published, at, tmp_path):
    elsewhere = at(tmp_path / "elsewhere")
    elsewhere.run("dvc", "artifacts", "get", published, "base")
    for name in MADE[1:]:
        elsewhere.run("dvc", "get", published, f"models/{name}")
    for name in MADE:
        assert (elsewhere.root / name / "name").read_text() == f"I am {name}\n"
    elsewhere.run("dvc", "get", published, "models/v13", "--rev", "v13@v1.0.0", "--out", "first")
    assert (elsewhere.root / "first" / "name").read_text() == "I am v13\n"
    said = elsewhere.run("dvc", "get", published, "models/v12", fails=True).stderr
    assert "models/v12" in said
