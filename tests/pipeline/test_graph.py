"""dvc.yaml repeats the versions in places where DVC has no templates; these tests hold the places together."""

import pytest
import yaml


@pytest.fixture(scope="module")
def graph(repository) -> dict:
    return yaml.safe_load((repository / "dvc.yaml").read_text())


@pytest.fixture(scope="module")
def versions(graph) -> dict:
    return next(variables["versions"] for variables in graph["vars"] if "versions" in variables)


def _paths(entries: list) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def _outputs(stage: dict) -> list[str]:
    return _paths([*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])])


def test_each_version_is_tuned_from_the_one_before_by_the_next_batch(versions):
    names = list(versions)
    assert names == [f"v{number}" for number in range(1, len(names) + 1)]
    assert [item["previous"] for item in versions.values()] == ["base", *names[:-1]]
    assert [item["batch"] for item in versions.values()] == [f"{n:02d}" for n in range(1, len(names) + 1)]


def test_there_are_as_many_batches_as_versions(graph, versions, parameter_values):
    assert parameter_values["batch"]["count"] == len(versions)
    batches = [path for path in _outputs(graph["stages"]["batch"]) if path.startswith("data/")]
    assert batches == [f"data/batches/{item['batch']}.parquet" for item in versions.values()]


def test_base_and_every_version_are_measured(graph, versions):
    measured = next(variables["measured"] for variables in graph["vars"] if "measured" in variables)
    assert measured == ["base", *versions]


def test_the_report_is_about_base_and_every_version(graph, versions):
    report = graph["stages"]["report"]
    assert report["cmd"].split() == ["python", "stages/report.py", "base", *versions]
    needed = {f"models/{name}/log.csv" for name in versions}
    for name in ["base", *versions]:
        needed |= {f"metrics/{name}.json", f"metrics/intervals/{name}.csv", f"metrics/by/{name}.csv"}
        needed.add(f"data/predictions/{name}.parquet")
    needed |= {f"data/batches/{item['batch']}.parquet" for item in versions.values()}
    several = ("models/", "metrics/", "data/batches", "data/predictions")
    named = {path for path in report["deps"] if path.startswith(several)}
    assert {path for path in named if not path.startswith("metrics/data/")} == needed


def test_the_report_depends_on_what_stages_write_and_on_no_folder_that_may_hold_more(graph, versions):
    outputs = set()
    for stage in graph["stages"].values():
        for path in _outputs(stage.get("do", stage)):
            outputs |= {path.replace("${item}", name) for name in ["base", *versions]}
    report = graph["stages"]["report"]
    read = {path for path in report["deps"] if path.startswith(("data/", "metrics/"))}
    assert read - outputs == set() and any(path.startswith("metrics/data/") for path in read)


def test_the_code_that_a_stage_depends_on_exists(graph, repository):
    for name, stage in graph["stages"].items():
        deps = stage.get("do", stage)["deps"]
        code = [path for path in deps if path.startswith(("src/", "stages/"))]
        assert f"stages/{name}.py" in code
        assert [path for path in code if not (repository / path).exists()] == []


def test_the_parameters_that_a_stage_depends_on_exist(graph, parameter_values):
    for stage in graph["stages"].values():
        for name in stage.get("do", stage).get("params", []):
            place = parameter_values
            for part in name.split("."):
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
        "compute": {"loader_processes"},
    }
    for name, sections in {"train": ["train", "compute"], "predict": ["predict", "compute"]}.items():
        watched = {entry for entry in graph["stages"][name]["do"]["params"] if "." in entry}
        wanted = {f"{part}.{key}" for part in sections for key in set(parameter_values[part]) - silent[part]}
        assert watched == wanted
