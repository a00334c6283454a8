"""Training on picture shards: the same bytes, read in their order, and resumed where it was."""

import shutil
from pathlib import Path

import pytest
from range_server import serving
from whole_tables import write_digests

from vqatune.dataset.shards import write_shards
from vqatune.errors import ArchiveError
from vqatune.loading.places import Places
from vqatune.tables import BATCH, IMAGES, read_csv, write_table
from vqatune.training.loop import train_version
from vqatune.training.shards import read_shard_places


@pytest.fixture
def params(tiny_with):
    return tiny_with({"train.images_per_step": 2, "train.checkpoint_every": 1})


@pytest.fixture
def sharded(tmp_path, monkeypatch, pairs, places, params) -> list[str]:
    """A batch whose pictures are in shards of two or so; their names, in order."""
    monkeypatch.chdir(tmp_path)
    write_table(pairs, "batches/01.parquet", BATCH)
    write_table(places.assign(path="", height=1, width=1), "sampled.parquet", IMAGES)
    write_digests(places, Path("digests.parquet"))
    write_shards(
        Path("batches"),
        1,
        "sampled.parquet",
        "digests.parquet",
        "shards",
        4_000,
        params.train.seed,
        Path(".work"),
    )
    names = read_csv("batches/01.shards.csv", "shard")["shard"].tolist()
    assert len(names) >= 4
    return names


@pytest.fixture
def train(tmp_path, params, tiny_base, pairs):
    def run(where: Places, name: str, work: Path | None = None) -> dict[str, bytes]:
        folder = tmp_path / name
        train_version(params, "v1", tiny_base, None, pairs, where, folder, work)
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    return run


def test_shards_change_no_byte_and_a_training_that_broke_off_asks_for_no_earlier_ones(
    sharded, train, places, tmp_path, monkeypatch
):
    expected = train(Places([places]), "from archives")
    work = tmp_path / "work"
    with serving(tmp_path / "shards") as server:
        monkeypatch.setenv("VQATUNE_SHARDS", server.address)
        gone = sharded[-2]
        server.absent.add(gone)
        with pytest.raises(ArchiveError, match=f"{server.address}/{gone} does not exist"):
            train(read_shard_places(Path("batches"), "01"), "v1", work)
        assert list(dict.fromkeys(server.asked)) == sharded[:-1]
        assert list(work.glob("training/v1/*/*"))
        server.absent.clear()
        server.asked.clear()
        assert train(read_shard_places(Path("batches"), "01"), "v1", work) == expected
        # The next step may begin in the shard before.
        assert set(sharded[-2:]) <= set(server.asked) <= set(sharded[-3:])


def test_where_shards_are_missing_pictures_come_from_the_archives(sharded, monkeypatch, capfd):
    batches = Path("batches")
    assert read_shard_places(batches, "01").find("image03").archive.startswith("shards/01-0")
    monkeypatch.setenv("VQATUNE_SHARDS", "elsewhere/")
    Path("shards").rename("elsewhere")
    assert read_shard_places(batches, "01").find("image03").archive.startswith("elsewhere/01-0")
    (Path("elsewhere") / sharded[1]).write_bytes(b"cut")
    assert read_shard_places(batches, "01") is None
    assert (
        f"1 of the shards of batch 01, such as {sharded[1]}, are not in elsewhere" in capfd.readouterr().err
    )
    shutil.rmtree("elsewhere")
    assert read_shard_places(batches, "01") is None
    assert read_shard_places(batches, "02") is None
