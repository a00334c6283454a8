"""Input that a stage cannot use: one line on standard error, an exit code, and nothing written."""

import shutil

import pytest
from safetensors.torch import load_file, save_file


def refused(checkout, name: str) -> str:
    """Run a stage's command as DVC does, its outputs removed before; return the one line that it fails with."""
    stage = checkout.stages()[name]
    for out in stage["outs"]:
        path = checkout.root / out["path"]
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = checkout.outputs()
    outcome = checkout.run(*stage["cmd"].split(), fails=True)
    assert checkout.outputs() == before
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"error in {name.split('@')[0]}")
    return line


@pytest.fixture
def archives(checkout, tmp_path):
    """A folder with the two archives, which raw.path names."""
    shutil.copytree(checkout.root / "data/raw", tmp_path / "archives")
    checkout.set_params({"raw.source": "path", "raw.path": str(tmp_path / "archives")})
    return tmp_path / "archives"


def test_a_truncated_archive_stops_repro_with_one_line_and_leaves_the_gitignore_files(checkout, archives):
    archive = archives / "abo-images-small.tar"
    archive.write_bytes(archive.read_bytes()[:100_000])
    before = checkout.gitignores()
    outcome = checkout.run("dvc", "repro", fails=True)
    assert "Traceback" not in outcome.stderr
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("error in ")]
    assert "abo-images-small.tar is cut" in line
    assert "failed to reproduce 'extract'" in outcome.stderr
    assert checkout.gitignores() == before
    left = [
        out["path"] for out in checkout.stages()["extract"]["outs"] if (checkout.root / out["path"]).exists()
    ]
    assert left == []


def test_a_missing_archive(checkout, archives):
    (archives / "abo-listings.tar").unlink()
    assert f"{archives} holds no abo-listings.tar" in refused(checkout, "raw")


def test_a_folder_of_archives_that_is_not_there(checkout, archives):
    shutil.rmtree(archives)
    assert f"{archives} is not a folder" in refused(checkout, "raw")


def test_an_archive_that_is_no_tar(checkout, archives):
    (archives / "abo-images-small.tar").write_text("404 not found\n" * 1000)
    assert "abo-images-small.tar is not a tar" in refused(checkout, "raw")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lora.rank", 16, "lora.rank is not a parameter"),
        ("generate.provider", "oracle", "generate.provider is 'oracle', but must be"),
        ("model.source", "attic", "model.source is 'attic', but must be"),
        ("train.learning_rate", "fast", "train.learning_rate"),
    ],
)
def test_a_parameter_that_is_unknown_or_impossible(checkout, name, value, said):
    checkout.set_params({name: value})
    assert said in refused(checkout, "split")


def test_no_listing_in_the_wanted_language(checkout):
    checkout.set_params({"filter.languages": ["tlh"]})
    assert "no listing has text in tlh" in refused(checkout, "filter")


def test_fewer_images_than_batches(checkout):
    chain = {"v1": {"previous": "base", "batch": "01"}}
    chain |= {f"v{n}": {"previous": f"v{n - 1}", "batch": f"{n:02d}"} for n in range(2, 201)}
    checkout.set_params(
        {"versions": chain, "predicted": {"base": {}} | chain, "evaluated": {"blind": {}, "base": {}} | chain}
    )
    assert "are too few for 200 batches" in refused(checkout, "batch")


def test_a_chain_with_a_gap(checkout):
    chain = {"v1": {"previous": "base", "batch": "01"}, "v3": {"previous": "v2", "batch": "03"}}
    checkout.set_params(
        {"versions": chain, "predicted": {"base": {}} | chain, "evaluated": {"blind": {}, "base": {}} | chain}
    )
    assert "v3 stands where the chain goes on with v2" in refused(checkout, "batch")


def test_another_rank_than_the_version_before_had(checkout):
    checkout.set_params({"lora.r": 16})
    line = refused(checkout, "train@v2")
    assert "models/v1 was tuned with lora.r = 8, but params.yaml says 16" in line


def test_another_base_model_than_the_version_before_had(checkout):
    path = checkout.root / "models/base/model.safetensors"
    weights = load_file(path)
    name = min(weights)
    save_file(weights | {name: weights[name] + 1}, path, {"format": "pt"})
    assert "models/v1 was tuned from another base model" in refused(checkout, "train@v2")


def test_a_checkpoint_with_a_missing_key(checkout):
    path = checkout.root / "models/base/model.safetensors"
    weights = load_file(path)
    name = min(weights)
    del weights[name]
    save_file(weights, path, {"format": "pt"})
    line = refused(checkout, "predict@base")
    assert "models/base" in line and "missing keys" in line and name in line
