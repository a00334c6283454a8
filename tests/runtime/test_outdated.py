"""What `make repro` says beforehand: which stages have to run (tests/pipeline/test_repro.py compares it with DVC)."""

import hashlib
import json
import shutil

import pytest
import yaml

from vqatune.runtime.outdated import outdated_stages, stage_names

GRAPH = """\
stages:
  raw: {cmd: python raw.py, deps: [code/raw.py, "${table}"], params: [seed], outs: [data/raw]}
  train:
    foreach: ${versions}
    do: {cmd: "python train.py ${key}", deps: [code/train, data/raw], params: [lora], outs: ["models/${key}"]}
  report: {cmd: python report.py, deps: [models], outs: [report.html]}
"""
PARAMETERS = {"seed": 1, "table": "photos.csv", "lora": {"r": 8}, "versions": {"v1": {}, "v2": {}}}
ALL = ["raw", "train@v1", "train@v2", "report"]


def md5(content: str) -> str:
    return hashlib.md5(content.encode()).hexdigest()


def dependency(root, path):
    """Return what DVC records of a file, or of a folder with one file, `step.py`."""
    if (root / path).is_dir():
        text = (root / path / "step.py").read_text()
        listed = json.dumps([{"md5": md5(text), "relpath": "step.py"}])
        return {"path": path, "md5": md5(listed) + ".dir", "size": len(text), "nfiles": 1}
    text = (root / path).read_text()
    return {"path": path, "md5": md5(text), "size": len(text)}


@pytest.fixture
def root(tmp_path):
    """A folder after `dvc repro`."""
    contents = {"code/raw.py": "1", "code/train/step.py": "2", "photos.csv": "a,b", "report.html": "<p>"}
    contents |= {"data/raw/a.tar": "pictures", "models/v1/weights": "w1", "models/v2/weights": "w2"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    raw = {"path": "data/raw", "md5": "ab0123.dir"}
    stages = {
        "raw": {
            "deps": [dependency(tmp_path, "code/raw.py"), dependency(tmp_path, "photos.csv")],
            "params": {"params.yaml": {"seed": 1}},
            "outs": [raw],
        },
        "report": {
            "deps": [{"path": "models", "md5": "cd.dir"}],
            "outs": [{"path": "report.html", "md5": "ef"}],
        },
    }
    for version in ("v1", "v2"):
        stages[f"train@{version}"] = {
            "deps": [dependency(tmp_path, "code/train"), raw],
            "params": {"params.yaml": {"lora": {"r": 8}}},
            "outs": [{"path": f"models/{version}", "md5": f"{version}.dir"}],
        }
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return tmp_path


def test_after_a_run_nothing_is_out_of_date_and_in_a_clone_everything(root):
    assert stage_names(root, PARAMETERS) == ALL
    (root / "code/train/__pycache__").mkdir()
    (root / "code/train/__pycache__/step.pyc").write_text("compiled")
    assert outdated_stages(root, PARAMETERS) == []
    for name in ("data", "models", "report.html"):
        (shutil.rmtree if (root / name).is_dir() else type(root).unlink)(root / name)
    assert outdated_stages(root, PARAMETERS) == ALL
    (root / "dvc.lock").unlink()
    assert outdated_stages(root, PARAMETERS) == ALL


def test_other_code_parameters_and_files_run_their_stage_and_what_reads_its_outputs(root):
    assert outdated_stages(root, PARAMETERS | {"lora": {"r": 16}}) == ["train@v1", "train@v2", "report"]
    assert outdated_stages(root, PARAMETERS | {"seed": 2}) == ALL
    longer = PARAMETERS | {"versions": {"v1": {}, "v2": {}, "v3": {}}}
    assert outdated_stages(root, longer) == ["train@v3"]
    (root / "code/train/step.py").write_text("3")
    assert outdated_stages(root, PARAMETERS) == ["train@v1", "train@v2", "report"]
    (root / "code/train/step.py").write_text("2")
    (root / "photos.csv").write_text("a,c")
    assert outdated_stages(root, PARAMETERS) == ALL


def test_an_output_that_is_in_dvcs_cache_alone_is_checked_out_and_not_made(root):
    shutil.rmtree(root / "models/v2")
    assert outdated_stages(root, PARAMETERS) == ["train@v2", "report"]
    cached = root / ".dvc/cache/files/md5/v2/.dir"
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert outdated_stages(root, PARAMETERS) == []
