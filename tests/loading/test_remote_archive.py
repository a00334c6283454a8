"""Reading bytes over HTTP, from a server on loopback."""

import shutil

import pandas as pd
import pytest
from range_server import serving

from vqatune.errors import ArchiveError
from vqatune.loading import remote_archive
from vqatune.loading.picture_digests import digest_content
from vqatune.loading.places import Places
from vqatune.loading.reader import ImageReader


@pytest.fixture
def served(tmp_path, places):
    """The pictures' archive on a server: the server, and a table of places there."""
    shutil.copy(places["archive"].iloc[0], tmp_path / "pictures.tar")
    digests = [digest_content(ImageReader(places).content(name)) for name in places["image_id"]]
    with serving(tmp_path) as server:
        yield server, places.assign(archive=f"{server.address}/pictures.tar", digest=digests)


def test_pictures_are_read_in_blocks_and_not_one_by_one(served, places):
    server, there = served
    reader, expected = ImageReader(there), ImageReader(places)
    for image_id in [*places["image_id"], *places["image_id"][::-1]]:
        assert reader.content(image_id) == expected.content(image_id)
    assert len(server.asked) == 1


def test_a_connection_that_breaks_is_made_again(served, places):
    server, there = served
    server.broken = 1
    assert ImageReader(there).content("image03") == ImageReader(places).content("image03")
    assert len(server.asked) == 2


def test_what_cannot_be_read_is_one_line(served, tmp_path, monkeypatch):
    monkeypatch.setattr(remote_archive, "_PAUSES", (0.0, 0.0))
    server, there = served
    server.broken = 100
    with pytest.raises(ArchiveError, match=r"pictures\.tar cannot be read after 3 attempts") as caught:
        ImageReader(there).content("image03")
    assert "\n" not in str(caught.value)
    server.broken = 0
    with pytest.raises(ArchiveError, match=r"pictures\.tar ends before byte"):
        ImageReader(there.assign(offset=10**6)).content("image03")
    server.absent.add("pictures.tar")
    with pytest.raises(ArchiveError, match=r"pictures\.tar does not exist: put the shard back"):
        ImageReader(there).content("image03")


@pytest.mark.parametrize("protocol", ["", "file://"])
def test_other_bytes_than_were_written_are_an_error_that_names_shard_and_picture(served, tmp_path, protocol):
    _, there = served
    path = tmp_path / "pictures.tar"
    there = there.assign(archive=f"{protocol}{path}")
    with path.open("r+b") as file:
        file.seek(int(there["offset"][3]) + 9)
        file.write(b"!")
    reader = ImageReader(Places([pd.DataFrame(there)]))
    assert reader.content("image02")
    with pytest.raises(
        ArchiveError, match=r"pictures\.tar: image image03 at byte \d+ has other bytes than were"
    ):
        reader.content("image03")
