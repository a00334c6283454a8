import hashlib
import socket
from pathlib import Path

import pytest
from fake_hub import TOKEN, running_hub
from huggingface_hub import constants

# huggingface_hub's own way of sending a large file.
OLD_CALL = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
PLACE = Path(".work/publish/v2")
MODEL, DATASET = "models/me/blip", "datasets/me/blip-data"


@pytest.fixture
def hub(monkeypatch):
    """A hub that huggingface_hub takes for the real one, with a token that it accepts."""
    with running_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def upload(root, vqatune):
    return lambda *arguments: vqatune("publish", "v2", "--repo", "me/blip", "--upload", *arguments)


def _published(part: str) -> dict[str, bytes]:
    folder = PLACE / part
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert files.pop(".prepared.json")
    return files


def _held(hub, repo: str) -> dict[str, bytes]:
    return {path: content for path, content in hub.files[repo].items() if path != ".gitattributes"}


def test_both_folders_arrive_whole(upload, hub):
    done = upload()
    assert done.status == 0, done.err
    assert "uploading as me" in done.out
    assert f"{hub.url}/me/blip holds {PLACE}/model" in done.out
    assert f"{hub.url}/datasets/me/blip-data holds {PLACE}/dataset" in done.out
    assert _held(hub, MODEL) == _published("model") and _held(hub, DATASET) == _published("dataset")
    assert "base/model.safetensors" in hub.files[MODEL]
    assert hub.messages == ["vqatune publish v2"] * 2 and not any(hub.private.values())


@OLD_CALL
def test_large_files_go_to_the_store_for_large_files(upload, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.large = (".parquet", ".safetensors")
    assert upload().status == 0
    assert _held(hub, MODEL) == _published("model") and _held(hub, DATASET) == _published("dataset")
    adapter = _published("model")["adapter_model.safetensors"]
    assert hub.stored[hashlib.sha256(adapter).hexdigest()] == adapter


def test_what_the_hub_has_is_not_sent_again(upload, hub):
    upload()
    first = list(hub.asked)
    assert any("/commit/" in asked for asked in first)
    assert upload().status == 0
    assert not any("/commit/" in asked for asked in hub.asked[len(first) :])


def test_an_upload_that_broke_off_goes_on(upload, hub):
    hub.refusals = {f"{MODEL}/preupload": (403, "no")}
    assert upload().status == 1
    assert _held(hub, DATASET) == _published("dataset") and _held(hub, MODEL) == {}
    hub.refusals = {}
    done = upload()
    assert done.status == 0 and "dataset, as it was prepared before →" in done.out
    assert _held(hub, MODEL) == _published("model") and len(hub.messages) == 2


def test_files_of_an_earlier_upload_that_would_be_read_with_the_new_are_removed_and_no_others(upload, hub):
    hub.files[DATASET] = {"data/train-00001-of-00002.parquet": b"old", "picture.png": b"theirs"}
    hub.files[MODEL] = {"training_state/optimizer.safetensors": b"old", "picture.png": b"theirs"}
    assert upload().status == 0
    assert _held(hub, DATASET) == _published("dataset") | {"picture.png": b"theirs"}
    assert _held(hub, MODEL) == _published("model") | {"picture.png": b"theirs"}


def test_an_edited_card_is_what_is_uploaded(upload, hub, vqatune):
    vqatune("publish", "v2", "--repo", "me/blip")
    card = PLACE / "model" / "README.md"
    card.write_text(card.read_text() + "mine\n")
    upload()
    assert hub.files[MODEL]["README.md"].endswith(b"mine\n")


def test_private_repositories_are_private(upload, hub):
    assert upload("--private").status == 0
    assert hub.private == {MODEL: True, DATASET: True}


def test_the_model_alone_arrives_and_the_token_is_not_shown(upload, hub):
    done = upload("--model-only")
    assert done.status == 0, done.err
    assert _held(hub, MODEL) == _published("model") and DATASET not in hub.files
    assert TOKEN not in done.out + done.err


def test_without_a_token_nothing_is_prepared(upload, hub, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert upload().error == (
        "there is no token of the Hugging Face hub: run `hf auth login`, or set HF_TOKEN"
    )
    assert not PLACE.exists() and hub.asked == []


def test_a_token_that_is_refused_is_told_and_nothing_is_prepared(upload, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    done = upload()
    assert done.status == 1 and done.err.startswith("error: the hub does not accept HF_TOKEN")
    assert "hf_wrong" not in done.err and done.err.count("\n") == 1
    assert not PLACE.exists()


def test_a_hub_that_cannot_be_reached_is_told(upload, hub, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    done = upload()
    assert done.status == 1 and done.err.count("\n") == 1
    assert f"the hub at {address} cannot be reached" in done.err and not PLACE.exists()


def test_that_the_hub_is_switched_off_is_told(upload, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert upload().error.startswith("HF_HUB_OFFLINE is set")


def test_a_store_for_large_files_that_cannot_be_reached_is_one_line(upload, hub):
    hub.large = (".parquet",)
    done = upload()
    (line,) = (line for line in done.err.splitlines() if line.startswith("error: "))
    assert line.startswith("error: me/blip-data at http") and "run the same again" in line
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("part", "status", "message", "said"),
    [
        (
            "repos/create",
            403,
            "You don't have the rights",
            "HF_TOKEN may not write to me/blip-data (403 Forbidden",
        ),
        ("repos/create", 400, "Invalid name", "the hub refuses what was sent to me/blip-data, HTTP 400"),
        ("preupload", 402, "Out of storage", "the hub has no room for me/blip-data"),
        ("commit", 413, "Too large", "the hub has no room for me/blip-data"),
        ("tree", 404, "Not found", "HF_TOKEN may not write to me/blip-data"),
        ("repos/create", 429, "Slow down", "the hub has had too many requests"),
        ("repos/create", 500, "Oh no", "the hub has a problem, HTTP 500"),
    ],
)
def test_what_the_hub_refuses_is_one_line(part, status, message, said, upload, hub):
    hub.refusals = {part: (status, message)}
    done = upload()
    assert done.status == 1
    (line,) = (line for line in done.err.splitlines() if line.startswith("error: "))
    assert line.startswith(f"error: {said.split(' (403')[0]}") and message in line
    assert "Traceback" not in done.err


@OLD_CALL
def test_a_large_file_that_is_refused_is_one_line(upload, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.large, hub.refusals = (".parquet",), {"/stored/": (403, "no")}
    done = upload()
    assert done.status == 1 and "error: HF_TOKEN may not write to me/blip-data" in done.err
    assert "Traceback" not in done.err
