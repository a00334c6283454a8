"""What the stage raw brings of a catalogue of one's own, and that no more is fetched than is needed."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import datasets
import pandas as pd
import pytest
from whole_tables import extract_catalogue

from vqatune.catalogue.pack import pack_pictures
from vqatune.catalogue.raw import prepare_raw
from vqatune.catalogue.sources.pictures import packed_pictures
from vqatune.errors import ArchiveError, DataError
from vqatune.generation.sources.pairs_of_images import match_images
from vqatune.generation.sources.recorded import read_recorded
from vqatune.loading.archive import read_bytes


@pytest.fixture
def pictures(archives):
    return [archives.picture((20 * number, 10, 200)) for number in range(8)]


@pytest.fixture
def raw(make_params, tmp_path, monkeypatch):
    """A function that runs the stage raw and gives its parameters: raw(source="table", …)."""
    monkeypatch.chdir(tmp_path)

    def run(**values):
        params = make_params({f"raw.{name}": value for name, value in values.items()})
        prepare_raw(params.raw, params.seed, tmp_path / "data/raw")
        return params.raw

    return run


@pytest.fixture
def site(pictures):
    """A server of pictures, `/3.jpg`; `/dead…` is not there. Its attribute `asked` lists the paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            dead = self.path.startswith("/dead")
            self.send_response(404 if dead else 200)
            body = b"" if dead else pictures[int(self.path.strip("/").removesuffix(".jpg"))]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def extracted(params, tmp_path):
    found = extract_catalogue(params, tmp_path / "data/raw", max_bad_lines=0)
    contents = [read_bytes(row.archive, row.offset, row.length) for row in found.images.itertuples()]
    return found, dict(zip(found.images["path"], contents, strict=True))


def test_urls_are_fetched_into_tars_and_dead_ones_named(raw, site, pictures, tmp_path):
    base = f"http://127.0.0.1:{site.server_port}"
    rows = "".join(f"{n},{base}/{n}.jpg,{base}/{n + 1}.jpg\n" for n in range(7))
    (tmp_path / "shop.csv").write_text(f"id,image_link,additional_image_link\n{rows}9,{base}/dead.jpg,\n")
    columns = {"pictures": ["image_link", "additional_image_link"], "id": "id"}
    values = {"source": "table", "path": "shop.csv", "columns": columns, "allow_private_addresses": True}
    found, contents = extracted(raw(**values, max_dead=0.2), tmp_path)
    assert contents == {f"{base}/{number}.jpg": content for number, content in enumerate(pictures)}
    assert found.report["dead_names"] == [f"{base}/dead.jpg: HTTP 404"]
    assert found.listings["image_ids"].map(len).tolist() == [2] * 7 + [0]
    before = {path.name: path.read_bytes() for path in (tmp_path / "data/raw").iterdir()}
    site.asked.clear()
    raw(**values, max_dead=0.2)
    assert site.asked == ["/dead.jpg"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "data/raw").iterdir()} == before
    with pytest.raises(
        ArchiveError, match=r"1 of 9 pictures cannot be fetched, more than raw.max_dead: 0.1 .* HTTP 404"
    ):
        raw(**values)


def test_a_killed_run_is_taken_up_where_it_was(raw, site, pictures, tmp_path, repository):
    base = f"http://127.0.0.1:{site.server_port}"
    (tmp_path / "a.csv").write_text("image\n" + "".join(f"{base}/{n}.jpg\n" for n in range(8)))
    script = (
        "import os, vqatune.catalogue.fetch_pictures as f; from pathlib import Path\n"
        "from vqatune.params import FetchParams\n"
        "inner, count = f._request, [0]\n"
        "async def request(*arguments):\n"
        "    count[0] += 1\n"
        "    if count[0] > 5: os._exit(9)\n"
        "    return await inner(*arguments)\n"
        "f._request = request\n"
        f"urls = ['{base}/%d.jpg' % n for n in range(8)]\n"
        "f.fetch_pictures(urls, FetchParams(per_host=1), Path('.work/pictures'), private=True)\n"
    )
    environment = {"PYTHONPATH": str(repository / "src")}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 9
    columns = {"pictures": ["image"]}
    params = raw(source="table", path="a.csv", columns=columns, allow_private_addresses=True)
    assert sorted(site.asked) == sorted(f"/{number}.jpg" for number in range(8))
    assert list(extracted(params, tmp_path)[1].values()) == pictures


@pytest.mark.parametrize("kind", ["parquet", "saved"])
def test_pictures_within_a_table_are_unpacked_each_once_with_their_pairs(raw, pictures, tmp_path, kind):
    rows = [
        {
            "image": {"bytes": pictures[number // 2], "path": f"p{number // 2}.jpg"},
            "question": f"What is it, {number}?",
            "answer": "mug",
            "label": number // 8,
        }
        for number in range(16)
    ]
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["hat", "mug"])}
    features |= {name: datasets.Value("string") for name in ("question", "answer")}
    dataset = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    columns = {"pictures": ["image"], "type": "label"}
    if kind == "parquet":
        dataset.to_parquet(tmp_path / "data.parquet")
        params = raw(source="table", path="data.parquet", columns=columns)
    else:
        datasets.DatasetDict({"train": dataset}).save_to_disk(tmp_path / "saved")
        params = raw(source="hub", path="saved", columns=columns)
    found, contents = extracted(params, tmp_path)
    assert contents == {f"p{number}.jpg": content for number, content in enumerate(pictures)}
    assert found.listings["product_type"].tolist() == ["hat"] * 4 + ["mug"] * 4
    pairs = read_recorded(tmp_path / "data/raw/rows.parquet")
    assert match_images(pairs, found.images).tolist() == [f"p{number // 2}.jpg" for number in range(16)]


def test_bytes_and_lists_of_pictures_need_no_names(raw, pictures, tmp_path):
    pd.DataFrame({"photo": pictures[:3]}).to_parquet(tmp_path / "a.parquet")
    _, contents = extracted(raw(source="table", path="a.parquet", columns={"pictures": ["photo"]}), tmp_path)
    assert list(contents.values()) == pictures[:3]
    several = [[{"bytes": content, "path": None} for content in pictures[:2]], [], None]
    pd.DataFrame({"photos": several, "id": ["1", "2", "3"]}).to_parquet(tmp_path / "b.parquet")
    columns = {"pictures": ["photos"], "id": "id"}
    found, contents = extracted(raw(source="table", path="b.parquet", columns=columns), tmp_path)
    assert sorted(contents.values()) == sorted(pictures[:2])
    assert found.listings["image_ids"].map(len).tolist() == [2, 0, 0]


def test_a_dataset_of_the_hub_is_loaded_by_its_name(raw, pictures, tmp_path, monkeypatch):
    asked = []

    def load(name, config, revision):
        asked.append((name, config, revision))
        features = datasets.Features({"photo": datasets.Image()})
        rows = [{"photo": {"bytes": content, "path": None}} for content in pictures[:3]]
        whole = datasets.Dataset.from_list(rows, features=features)
        return datasets.DatasetDict({"train": whole.select([0, 1]), "test": whole.select([2])})

    monkeypatch.setattr(datasets, "load_dataset", load)
    dataset = {"name": "someone/mugs", "config": "small", "revision": "abc"}
    _, contents = extracted(raw(source="hub", dataset=dataset, columns={"pictures": ["photo"]}), tmp_path)
    assert asked == [("someone/mugs", "small", "abc")] and list(contents.values()) == pictures[:3]
    _, contents = extracted(
        raw(source="hub", dataset=dataset | {"split": "test"}, columns={"pictures": ["photo"]}), tmp_path
    )
    assert list(contents.values()) == pictures[2:3]
    with pytest.raises(DataError, match="has no split 'dev'; it has train, test"):
        raw(source="hub", dataset=dataset | {"split": "dev"}, columns={"pictures": ["photo"]})


def test_a_dataset_that_is_not_there_is_said_in_one_line(raw, tmp_path):
    (tmp_path / "saved").mkdir()
    with pytest.raises(DataError, match="the dataset saved cannot be loaded") as caught:
        raw(source="hub", path="saved", columns={"pictures": ["photo"]})
    assert "\n" not in str(caught.value)


def test_a_tar_ends_after_so_many_bytes(tmp_path, pictures):
    named = [
        (f"{number}", f"id{number}", f"{number}.jpg", content) for number, content in enumerate(pictures)
    ]
    pack_pictures(named, {"gone": "HTTP 404"}, tmp_path, tar_bytes=3000)
    packed, dead = packed_pictures(tmp_path)
    assert len({picture.archive for picture in packed.values()}) > 2
    assert [read_bytes(*picture[2:]) for picture in packed.values()] == pictures
    assert dead.to_numpy().tolist() == [["gone", "HTTP 404"]]
