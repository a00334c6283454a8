"""Tables, folders and tars as catalogues: what is kept equals what was put in."""

import io
import json
import tarfile

import pytest
from whole_tables import extract_catalogue, filter_images

from vqatune.catalogue.raw import prepare_raw
from vqatune.catalogue.sources.table import split_names
from vqatune.errors import DataError
from vqatune.loading.archive import read_bytes
from vqatune.params import FilterParams
from vqatune.tables import IMAGES, LISTINGS, read_table, write_table


@pytest.fixture
def pictures(archives):
    """Six pictures by name, all of them different."""
    return {f"{name}.jpg": archives.picture((40 * number, 10, 200)) for number, name in enumerate("abcdef")}


@pytest.fixture
def shop(tmp_path, pictures):
    """A folder with pictures in folders."""
    for name, content in pictures.items():
        folder = tmp_path / "shop" / ("hats" if name < "d" else "mugs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return tmp_path / "shop"


@pytest.fixture
def extracted(make_params, tmp_path, monkeypatch):
    """A function that runs the stages raw and extract with parameters of the section raw."""

    def run(**raw):
        monkeypatch.chdir(tmp_path)
        values = {f"raw.{name}": value for name, value in raw.items() if name != "columns"}
        values |= {f"raw.columns.{name}": value for name, value in raw.get("columns", {}).items()}
        params = make_params(values)
        prepare_raw(params.raw, params.seed, tmp_path / "data/raw")
        found = extract_catalogue(params.raw, tmp_path / "data/raw", max_bad_lines=0)
        # As the stage writes and the next one reads them.
        write_table(found.listings, "listings.parquet", LISTINGS)
        write_table(found.images, "images.parquet", IMAGES)
        tables = read_table("listings.parquet", LISTINGS), read_table("images.parquet", IMAGES)
        return *tables, found.report

    return run


def contents(images) -> dict[str, bytes]:
    return {
        row.image_id: read_bytes(row.archive, row.offset, row.length)
        for row in images.itertuples(index=False)
    }


def test_a_table_keeps_every_listing_picture_and_value(extracted, shop, pictures, tmp_path):
    (tmp_path / "table.csv").write_text(
        "sku,kind,photos,colour,notes,lang\n"
        "1,hat,hats/a.jpg|hats/b.jpg,red,<b>warm</b>,en-US\n"
        '2,mug,C:\\old\\mugs\\d.jpg,"blue; dark",,de\n'
        "3,mug,e|gone.jpg,,,\n"
        "4,mug,,green,,\n"
    )
    listings, images, report = extracted(
        source="table",
        path="table.csv",
        pictures="shop",
        language="fr",
        columns={
            "pictures": ["photos"],
            "separator": "|",
            "id": "sku",
            "type": "kind",
            "language": "lang",
            "fields": ["color=colour", "notes=notes"],
        },
    )
    assert contents(images) == {
        "hats/a.jpg": pictures["a.jpg"],
        "hats/b.jpg": pictures["b.jpg"],
        "mugs/d.jpg": pictures["d.jpg"],
        "mugs/e.jpg": pictures["e.jpg"],
    }
    assert images["offset"].eq(0).all() and images["archive"][0] == "shop/hats/a.jpg"
    assert listings["item_id"].tolist() == ["1", "2", "3", "4"]
    assert listings["product_type"].tolist() == ["hat", "mug", "mug", "mug"]
    assert [list(ids) for ids in listings["image_ids"]] == [
        ["hats/a.jpg", "hats/b.jpg"],
        ["mugs/d.jpg"],
        ["mugs/e.jpg"],
        [],
    ]
    assert json.loads(listings["metadata"][0]) == {
        "item_id": "1",
        "product_type": [{"value": "hat"}],
        "main_image_id": "hats/a.jpg",
        "other_image_id": ["hats/b.jpg"],
        "color": [{"language_tag": "en_US", "value": "red"}],
        "notes": [{"language_tag": "en_US", "value": "<b>warm</b>"}],
    }
    assert [list(tags) for tags in listings["languages"]] == [["en_US"], ["de"], ["fr"], ["fr"]]
    assert report["images_without_bytes"] == 1 and report["missing_names"] == ["gone.jpg"]
    assert report["members_without_row"] == 2


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("//cdn.shop.example/a.jpg", ["https://cdn.shop.example/a.jpg"]),
        (
            "//x.example:8080/a.jpg|http://x.example/b.jpg",
            ["https://x.example:8080/a.jpg", "http://x.example/b.jpg"],
        ),
        ("//server/share/a.jpg", ["//server/share/a.jpg"]),
        ("/photos/a.jpg", ["/photos/a.jpg"]),
    ],
)
def test_a_url_without_a_protocol_is_one_of_https(cell, names):
    assert split_names(cell, "|") == names


def test_rows_with_an_id_are_one_listing_in_the_order_of_position(extracted, shop, tmp_path):
    (tmp_path / "shopify.csv").write_text(
        "Handle,Title,Option,Src,Position\n"
        "hat,Straw hat,red,b.jpg,2\nhat,,blue,a.jpg,1\nhat,,red,c.jpg,10\nmug,Mug,,d.jpg,1\nmug,,white,,\n"
    )
    columns = {
        "pictures": ["Src"],
        "id": "Handle",
        "position": "Position",
        "fields": ["item_name=Title", "color=Option"],
    }
    listings, _, _ = extracted(source="table", path="shopify.csv", pictures="shop", columns=columns)
    assert [list(ids) for ids in listings["image_ids"]] == [
        ["hats/a.jpg", "hats/b.jpg", "hats/c.jpg"],
        ["mugs/d.jpg"],
    ]
    assert json.loads(listings["metadata"][0])["color"] == [{"value": "red"}, {"value": "blue"}]
    assert json.loads(listings["metadata"][1])["color"] == [{"value": "white"}]


def test_without_ids_and_types_a_listing_is_a_picture_of_the_one_type(extracted, shop, tmp_path):
    (tmp_path / "pairs.tsv").write_text("image\tquestion\na.jpg\tWhat?\na.jpg\tWho?\nmugs/f.jpg\tWhat?\n")
    listings, images, _ = extracted(
        source="table", path="pairs.tsv", pictures="shop", columns={"pictures": ["image"]}, language="en"
    )
    assert listings["item_id"].tolist() == images["image_id"].tolist() == ["hats/a.jpg", "mugs/f.jpg"]
    assert listings["product_type"].unique().tolist() == ["UNTYPED"]


def test_listings_without_texts_pass_a_filter_that_keeps_all(extracted, shop, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"image": "a.jpg"}\n{"image": "b.jpg", "colour": "red", "price": 3}\n')
    columns = {"pictures": ["image"], "fields": ["color=colour"]}
    listings, images, _ = extracted(
        source="table", path="a.jsonl", pictures="shop", columns=columns, language="pt-BR"
    )
    kept, _ = filter_images(listings, images, FilterParams(languages="all", fields="all"))
    assert kept["metadata"].tolist() == ["{}", '{"color":["red"]}']
    assert kept["language"].tolist() == ["pt_BR", "pt_BR"]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet", ".xlsx"])
def test_every_format_of_a_table_gives_the_same(extracted, shop, tmp_path, suffix):
    import pandas as pd

    frame = pd.DataFrame({"image": ["a.jpg", "e.jpg"], "color": ["red", "blue"]})
    path = tmp_path / f"table{suffix}"
    if suffix == ".json":
        frame.to_json(path, orient="records")
    else:
        {".csv": frame.to_csv, ".parquet": frame.to_parquet, ".xlsx": frame.to_excel}[suffix](
            path, index=False
        )
    columns = {"pictures": ["image"], "fields": ["color=color"]}
    listings, images, _ = extracted(source="table", path=path.name, pictures="shop", columns=columns)
    assert images["path"].tolist() == ["hats/a.jpg", "mugs/e.jpg"]
    assert [json.loads(text)["color"][0]["value"] for text in listings["metadata"]] == ["red", "blue"]


def test_a_folder_of_pictures_has_the_types_of_its_folders(extracted, shop, pictures):
    (shop / "notes.txt").write_text("no picture")
    (shop / ".hidden.jpg").write_bytes(b"")
    listings, images, _ = extracted(source="folder", pictures="shop", columns={"type": "folder"})
    assert list(contents(images).values()) == list(pictures.values())
    assert listings["product_type"].tolist() == ["hats"] * 3 + ["mugs"] * 3
    listings, _, _ = extracted(source="folder", pictures="shop")
    assert listings["product_type"].unique().tolist() == ["UNTYPED"]


def test_webdatasets_tars_are_read_in_place(extracted, pictures, tmp_path):
    def add(tar, name, content):
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))

    (tmp_path / "shards").mkdir()
    for shard, names in enumerate(["abc", "def"]):
        with tarfile.open(tmp_path / f"shards/{shard:05d}.tar", "w") as tar:
            for name in names:
                add(tar, f"./train/{name}.left.jpg", pictures[f"{name}.jpg"])
                add(tar, f"./train/{name}.json", json.dumps({"color": f"no. {name}", "size": 3}).encode())
                add(tar, f"./train/{name}.txt", f"a {name}\n".encode())
    before = {path: path.read_bytes() for path in (tmp_path / "shards").iterdir()}
    columns = {"id": "__key__", "fields": ["color=color", "size=size", "caption=txt"]}
    listings, images, _ = extracted(source="tars", pictures="shards", columns=columns)
    assert list(contents(images).values()) == list(pictures.values())
    assert listings["item_id"][0] == "00000/train/a" and images["path"][5] == "00001/train/f.left.jpg"
    record = json.loads(listings["metadata"][0])
    assert [record[name][0]["value"] for name in ("color", "size", "caption")] == ["no. a", "3", "a a"]
    assert {path: path.read_bytes() for path in (tmp_path / "shards").iterdir()} == before


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        (
            "image\nx.jpg\ny.jpg\n",
            {},
            r"not one of the 2 pictures .* is there: it names x.jpg, y.jpg; .* are hats/a.jpg",
        ),
        (
            "image\na.jpg\n",
            {"id": "sku"},
            r"has no column 'sku' \(raw.columns\); it has: image: run `vqatune use` again",
        ),
        ('image,b\n"",1\n', {}, "name no picture"),
    ],
)
def test_a_table_that_gives_nothing_is_said_in_one_line(extracted, shop, tmp_path, text, columns, said):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        extracted(
            source="table", path="table.csv", pictures="shop", columns={"pictures": ["image"]} | columns
        )
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_or_empty_is_said(extracted, tmp_path):
    with pytest.raises(DataError, match="nowhere is not a folder"):
        extracted(source="folder", pictures="nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no picture"):
        extracted(source="folder", pictures="empty")
    with pytest.raises(DataError, match="empty holds no .tar"):
        extracted(source="tars", pictures="empty")
