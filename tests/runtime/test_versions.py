import re
from pathlib import Path

from vqatune.runtime.versions import version_folders


def _make(root: Path, *names: str) -> Path:
    for name in names:
        (root / "models" / name).mkdir(parents=True)
    return root / "models"


def test_versions_come_in_the_order_of_their_numbers_after_the_base(tmp_path):
    models = _make(tmp_path, "v10", "v2", "base", "v1", "v02", "vague")
    assert list(version_folders(models)) == ["base", "v1", "v2", "v10"]


def test_versions_of_an_earlier_chain_that_was_longer_are_none(tmp_path, monkeypatch, repository):
    models = _make(tmp_path, "base", "v1", "v2", "v3")
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/predict.py").touch()
    lines = (repository / "params.yaml").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not re.match(r"  v(?![12]:)\d+:", line)]
    (tmp_path / "params.yaml").write_text("".join(kept))
    monkeypatch.chdir(tmp_path)
    assert list(version_folders(Path("models"))) == ["base", "v1", "v2"]
    assert list(version_folders(models)) == ["base", "v1", "v2"]
    # Models elsewhere are of another chain.
    assert list(version_folders(_make(tmp_path / "other", "base", "v3"))) == ["base", "v3"]
