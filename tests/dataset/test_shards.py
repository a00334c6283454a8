"""Picture shards: what is in them, and writing that was cut short."""

import hashlib
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from whole_tables import write_digests

from vqatune.dataset.shards import remove_shard_tables, write_shards
from vqatune.errors import ArchiveError, ParameterError
from vqatune.loading.places import Places
from vqatune.loading.reader import ImageReader
from vqatune.loading.steps import epoch_groups
from vqatune.tables import BATCH, IMAGES, SHARD_PLACES, read_csv, read_table, write_table

SEED = 13
SMALL = 6_000
"""Bytes of a shard of three pictures or so."""


@pytest.fixture
def dealt(tmp_path, monkeypatch, pairs, places):
    """Two batches in tmp_path/batches, of which the first has all images twice; returns a function that writes shards."""
    monkeypatch.chdir(tmp_path)
    twice = pd.concat([pairs, pairs.assign(copy=1)], ignore_index=True).astype({"copy": "int32"})
    write_table(twice, tmp_path / "batches/01.parquet", BATCH)
    write_table(pairs[pairs["image_id"] < "image04"], tmp_path / "batches/02.parquet", BATCH)

    def write(
        address: str = "shards", where: pd.DataFrame = places, digests: pd.DataFrame | None = None
    ) -> Path:
        write_table(where.assign(path="", height=1, width=1), tmp_path / "sampled.parquet", IMAGES)
        known = places.assign(image_id=where["image_id"])
        write_digests(known if digests is None else digests, tmp_path / "digests.parquet")
        write_shards(
            Path("batches"), 2, "sampled.parquet", "digests.parquet", address, SMALL, SEED, Path(".work")
        )
        return tmp_path / "batches"

    return write


def test_a_shard_is_a_tar_of_each_picture_once_in_the_order_of_training(dealt, places, tmp_path):
    before = (tmp_path / "batches/01.parquet").read_bytes()
    folder = dealt()
    assert (folder / "01.parquet").read_bytes() == before
    batch = read_table(folder / "01.parquet", BATCH)
    order = batch["image_id"].iloc[[group[0] for group in epoch_groups(batch, SEED, 0, "all")[:]]]
    manifest = read_csv(folder / "01.shards.csv", "shard", "bytes", "sha256")
    assert len(manifest) > 2
    reader, names = ImageReader(places), []
    for shard in manifest.itertuples():
        path = tmp_path / "shards" / shard.shard
        assert hashlib.sha256(path.read_bytes()).hexdigest() == shard.sha256
        assert path.stat().st_size == shard.bytes
        with tarfile.open(path) as tar:
            for member in tar:
                name, _, suffix = member.name.partition(".")
                assert tar.extractfile(member).read() == reader.content(name) and suffix == "jpg"
                names.append(name)
    assert names == list(dict.fromkeys(order))
    table = read_table(folder / "01.places.parquet", SHARD_PLACES)
    in_shards = ImageReader(Places([table]))
    assert table["image_id"].tolist() == names
    assert [in_shards.content(name) for name in names] == [reader.content(name) for name in names]
    remove_shard_tables(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["01.parquet", "02.parquet"]


def test_names_of_pictures_may_hold_anything(dealt, pairs, places, tmp_path):
    strange = {"image00": "../a/b.c", "image01": "ü" * 200}
    small = pairs[pairs["image_id"].isin(strange)].assign(image_id=pairs["image_id"].replace(strange))
    for number in ("01", "02"):
        write_table(small, tmp_path / f"batches/{number}.parquet", BATCH)
    dealt(where=places.assign(image_id=places["image_id"].replace(strange)))
    [shard, _] = (tmp_path / "shards").iterdir()
    with tarfile.open(shard) as tar:
        assert sorted(tar.getnames()) == ["%2E%2E%2Fa%2Fb%2Ec.jpg", "%C3%BC" * 200 + ".jpg"]


def test_what_was_written_before_it_failed_is_not_written_again(dealt, places, tmp_path, pairs):
    # Its last picture in training's order lies in an archive that is not there yet.
    batch = read_table(tmp_path / "batches/01.parquet", BATCH)
    names = [batch["image_id"][group[0]] for group in epoch_groups(batch, SEED, 0, "all")[:]]
    last = list(dict.fromkeys(names))[-1]
    archive = Path(places["archive"].iloc[0])
    later = tmp_path / "later.tar"
    where = places.assign(archive=places["archive"].mask(places["image_id"] == last, str(later)))
    with pytest.raises(ArchiveError, match=r"later\.tar does not exist"):
        dealt(where=where)
    before = {path.name: path.stat().st_ino for path in (tmp_path / "shards").iterdir()}
    assert len(before) > 1 and not list((tmp_path / "batches").glob("*.places.parquet"))
    damaged = tmp_path / "shards" / min(before)
    damaged.write_bytes(b"")
    later.write_bytes(archive.read_bytes())
    dealt(where=where)
    after = {path.name: path.stat().st_ino for path in (tmp_path / "shards").iterdir()}
    assert {name for name in before if after[name] != before[name]} == {damaged.name}
    assert not (tmp_path / ".work/shards").exists()
    # As in one go.
    assert damaged.stat().st_size == int(read_csv(tmp_path / "batches/01.shards.csv")["bytes"][0])


def test_shards_go_to_any_file_system_that_can_be_written_to(dealt, places):
    table = read_table(dealt("memory://bucket/shards") / "02.places.parquet", SHARD_PLACES)
    assert table["archive"].str.startswith("memory://bucket/shards/02-00000-").any()
    reader, expected = ImageReader(Places([table])), ImageReader(places)
    for image_id in table["image_id"]:
        assert reader.content(image_id) == expected.content(image_id)
    with pytest.raises(
        ParameterError, match="http://localhost/shards, which shards can be read from but not"
    ):
        dealt("http://localhost/shards")
    with pytest.raises(ParameterError, match="nowhere://bucket is no address"):
        dealt("nowhere://bucket")


def test_a_picture_that_has_changed_since_it_was_checked_is_an_error(dealt, places):
    other = places.assign(image_id=places["image_id"].iloc[::-1].to_numpy())
    with pytest.raises(
        ArchiveError, match=r"image image\d\d has other bytes than when it was checked: run `dvc repro`"
    ):
        dealt(digests=other)
