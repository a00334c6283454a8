"""What a demo leaves behind, and how much it takes."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from vqatune.demo import uploads
from vqatune.demo.uploads import Room, own_folder

HOLD = """
import sys, time
from vqatune.demo.uploads import own_folder
with own_folder() as folder:
    (folder / "upload.jpg").write_bytes(b"x")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_of_a_killed_process_goes_at_the_next_start_and_that_of_a_living_one_stays(temporary):
    folders, processes = [], []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=os.environ | {"TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        folders.append(process.stdout.readline().strip())
    killed, living = processes
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert all(map(os.path.exists, folders))
    with own_folder() as own:
        assert sorted(map(str, temporary.iterdir())) == sorted([str(own), folders[1]])
        assert os.path.exists(f"{folders[1]}/upload.jpg")
    living.communicate("")
    assert not list(temporary.iterdir())


def test_what_a_link_leads_to_stays(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").write_text("kept")
    (temporary / f"{uploads.PREFIX}link").symlink_to(elsewhere)
    (temporary / f"{uploads.PREFIX}file").write_text("no folder")
    with own_folder() as own:
        assert len({*temporary.iterdir()} - {own}) == 2
    assert (elsewhere / "file").read_text() == "kept"


def test_there_is_room_for_so_many_files_and_bytes_and_old_ones_make_room(tmp_path):
    (tmp_path / "thumbnail").mkdir()
    (tmp_path / "thumbnail/own.jpg").write_bytes(bytes(1000))
    os.utime(tmp_path / "thumbnail/own.jpg", (0, 0))
    for room in (Room(tmp_path, 10, files=2, bytes=10**6), Room(tmp_path, 10, files=100, bytes=20)):
        for name in ("a", "b"):
            with room.for_one() as there_is:
                assert there_is
                (tmp_path / name).mkdir()
                (tmp_path / name / "x.jpg").write_bytes(bytes(10))
        with room.for_one() as there_is:
            assert not there_is
        os.utime(tmp_path / "a/x.jpg", (0, 0))
        # The second would need room beside the first, which is not written yet.
        with room.for_one() as first, room.for_one() as second:
            assert first and not second
        assert not (tmp_path / "a").exists() and (tmp_path / "thumbnail/own.jpg").exists()
        (tmp_path / "b/x.jpg").unlink()
        (tmp_path / "b").rmdir()
