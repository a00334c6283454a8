"""Base and versions as DVC's artifacts: their list, and getting them by name out of another repository."""

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
    """A bare git repository with the artifacts of dvc.yaml, of which some are there and pushed to a remote."""
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


def test_base_and_every_version_are_artifacts(graph):
    versions = next(variables["versions"] for variables in graph["vars"] if "versions" in variables)
    assert list(graph["artifacts"]) == ["base", *versions]
    for name, artifact in graph["artifacts"].items():
        assert_name_is_valid(name)
        assert artifact["path"] == f"models/{name}" and artifact["type"] == "model"
        assert artifact["labels"] == ["blip", "base" if name == "base" else "adapter"]
        if name != "base":
            tuned = versions[name]
            assert artifact["desc"].endswith(f"tuned from {tuned['previous']} by batch {tuned['batch']}")


def test_a_registered_version_is_got_by_its_name_without_the_repository(published, at, tmp_path):
    elsewhere = at(tmp_path / "elsewhere")
    for name in MADE:
        elsewhere.run("dvc", "artifacts", "get", published, name)
        assert (elsewhere.root / name / "name").read_text() == f"I am {name}\n"
    elsewhere.run("dvc", "artifacts", "get", published, "v13", "--rev", "v1.0.0", "--out", "first")
    assert (elsewhere.root / "first" / "name").read_text() == "I am v13\n"
    said = elsewhere.run("dvc", "artifacts", "get", published, "v12", fails=True).stderr
    assert "Unable to find artifact 'v12'" in said
