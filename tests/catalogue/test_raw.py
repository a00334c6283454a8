import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vqatune.catalogue.raw import prepare_raw
from vqatune.errors import ArchiveError

NAMES = ["abo-images-small.tar", "abo-listings.tar"]


@pytest.fixture
def source(archives, tmp_path):
    return archives.write_archives(
        tmp_path / "mine", [archives.listing("B1", "a")], {"a": archives.picture()}
    )


@pytest.fixture
def params(make_params, source):
    return make_params({"raw.source": "path", "raw.path": str(source)}).raw


def test_archives_of_a_folder_arrive_byte_for_byte(params, source, tmp_path):
    prepare_raw(params, seed=1, folder=tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == NAMES
    for name in NAMES:
        assert (tmp_path / "raw" / name).read_bytes() == (source / name).read_bytes()


def test_the_users_own_archives_cannot_be_changed_by_way_of_the_copies(params, source, tmp_path):
    prepare_raw(params, seed=1, folder=tmp_path / "raw")
    before = [(source / name).read_bytes() for name in NAMES]
    for name in NAMES:
        (tmp_path / "raw" / name).chmod(0o444)
        (tmp_path / "raw" / name).chmod(0o644)
        (tmp_path / "raw" / name).write_bytes(b"")
    assert [(source / name).read_bytes() for name in NAMES] == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["missing", "a folder", "not a tar", "empty"])
def test_an_archive_that_is_none_is_one_line_and_nothing_is_written(params, source, tmp_path, name, damage):
    (source / name).unlink()
    if damage == "a folder":
        (source / name).mkdir()
    elif damage != "missing":
        (source / name).write_bytes(b"not a tar at all" * 100 if damage == "not a tar" else b"")
    with pytest.raises(ArchiveError, match=name) as raised:
        prepare_raw(params, seed=1, folder=tmp_path / "raw")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_folder_that_is_missing_is_an_error_that_names_the_parameter(make_params, tmp_path):
    params = make_params({"raw.source": "path", "raw.path": str(tmp_path / "nowhere")}).raw
    with pytest.raises(ArchiveError, match=r"nowhere is not a folder: set raw\.path"):
        prepare_raw(params, seed=1, folder=tmp_path / "raw")


def test_the_showroom_is_drawn_in_abos_layout(make_params, tmp_path):
    params = make_params({"raw.source": "showroom", "raw.showroom_listings": 30}).raw
    prepare_raw(params, seed=1, folder=tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == NAMES
    with tarfile.open(tmp_path / "raw/abo-listings.tar") as tar:
        assert len(tar.getnames()) == 16


@pytest.fixture
def served(source, make_params, tmp_path, monkeypatch):
    """Parameters that fetch the source's archives from a server, in an empty folder to run in."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(source)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield make_params(
        {
            "raw.source": "abo",
            "raw.abo_listings.url": f"{address}/abo-listings.tar",
            "raw.abo_images.url": f"{address}/abo-images-small.tar",
        }
    ).raw
    server.shutdown()
    server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_archives_are_fetched_and_leave_nothing_behind(served, source, tmp_path):
    prepare_raw(served, seed=1, folder=tmp_path / "raw")
    for name in NAMES:
        assert (tmp_path / "raw" / name).read_bytes() == (source / name).read_bytes()
    assert [path.name for path in Path(".work/downloads").glob("*.tar*") if path.suffix != ".json"] == []


def test_a_second_archive_that_cannot_be_had_leaves_the_first_for_the_next_run(served, source, tmp_path):
    images = (source / "abo-images-small.tar").read_bytes()
    (source / "abo-images-small.tar").unlink()
    with pytest.raises(ArchiveError, match="404"):
        prepare_raw(served, seed=1, folder=tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []
    assert Path(".work/downloads/abo-listings.tar").exists()
    (source / "abo-images-small.tar").write_bytes(images)
    prepare_raw(served, seed=1, folder=tmp_path / "raw")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == NAMES


def test_a_page_that_is_served_instead_of_an_archive_is_an_error(served, source, tmp_path):
    (source / "abo-images-small.tar").write_text("<html>Moved for good</html>")
    with pytest.raises(ArchiveError, match=r"abo-images-small\.tar is not a tar"):
        prepare_raw(served, seed=1, folder=tmp_path / "raw")
    assert list((tmp_path / "raw").iterdir()) == []
