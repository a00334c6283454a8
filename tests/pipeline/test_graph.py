"""dvc.yaml: a stage's code dependencies are what it imports, and its parameters are all that may change its outputs."""

import ast
from pathlib import Path

import pytest
import yaml

from vqatune.runtime.code import imported_files

MORE_CODE = {
    # The page names the parameters that differ from their defaults.
    "report": ["src/vqatune/params"],
}
"""What a stage depends on beside its imports, and why."""


@pytest.fixture(scope="module")
def graph(repository) -> dict:
    """Stages by the names of their scripts, those of the zoo among them."""
    main, zoo = (yaml.safe_load((repository / path).read_text()) for path in ("dvc.yaml", "zoo/dvc.yaml"))
    return {"stages": main["stages"] | {f"zoo_{name}": stage for name, stage in zoo["stages"].items()}}


def _paths(entries: list) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _outputs(stage: dict) -> list[str]:
    return _paths([*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])])


def _files(repository: Path, paths: list[str]) -> set[str]:
    """Return all files of the package at some paths, but those of packages that hold only their docstring."""
    files = set()
    for path in map(repository.joinpath, paths):
        assert path.exists(), path
        found = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        files.update(file for file in found if "__pycache__" not in file.parts and not _is_docstring(file))
    return {str(file.relative_to(repository)) for file in files}


def _is_docstring(path: Path) -> bool:
    return path.name == "__init__.py" and len(ast.parse(path.read_text()).body) == 1


@pytest.mark.parametrize(
    "name",
    [path.stem for path in sorted(Path(__file__).parents[2].glob("stages/*.py")) if path.stem != "common"],
)
def test_a_stage_depends_on_the_code_that_it_imports_no_more_and_no_less(graph, repository, name):
    stage = graph["stages"][name]
    deps = stage.get("do", stage)["deps"]
    assert f"stages/{name}.py" in deps
    named = _files(repository, [path for path in deps if path.startswith("src/")])
    imported = [
        str(file.relative_to(repository)) for file in imported_files(repository / f"stages/{name}.py")
    ]
    needed = _files(repository, [*imported, *MORE_CODE.get(name, [])])
    assert named == needed, f"missing: {sorted(needed - named)}; superfluous: {sorted(named - needed)}"


def test_the_parameters_that_a_stage_depends_on_exist(graph, parameter_values):
    for stage in graph["stages"].values():
        for name in stage.get("do", stage).get("params", []):
            place = parameter_values
            for part in name.replace("${key}", "v13").split("."):
                assert part in place, name
                place = place[part]


def test_no_two_entries_of_a_stage_are_the_same(graph):
    for stage in graph["stages"].values():
        stage = stage.get("do", stage)
        for entries in (stage["deps"], _outputs(stage), stage.get("params", [])):
            assert len(entries) == len(set(entries))


def test_every_parameter_of_the_models_work_is_watched_but_those_that_change_no_result(
    graph, parameter_values
):
    silent = {
        "train": {"checkpoint_every", "launcher", "report_to"},
        "predict": {"checkpoint_every", "launcher", "keep_vision_states"},
        "compute": {"executor", "loader_processes"},
    }
    for name, sections in {"train": ["train", "compute"], "predict": ["predict", "compute"]}.items():
        watched = {entry for entry in graph["stages"][name]["do"]["params"] if "." in entry}
        wanted = {f"{part}.{key}" for part in sections for key in set(parameter_values[part]) - silent[part]}
        assert watched == wanted


def test_turning_shards_on_trains_no_version_again(graph):
    """They change no result: training reads where pictures lie beside its batch, and depends on the batch alone."""
    train = graph["stages"]["train"]["do"]
    batches = [dep for dep in train["deps"] if dep.startswith("data/batches")]
    assert batches == ["data/batches/${item.batch}.parquet"]
    assert not [name for name in train["params"] if name.split(".")[0] == "batch"]
