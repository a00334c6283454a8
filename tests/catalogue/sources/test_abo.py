import gzip
import io
import json
import random
import tarfile

import pandas as pd
import pytest
from whole_tables import extract

from vqatune.catalogue.sources.abo_listings import _short_lines
from vqatune.errors import ArchiveError, DataError
from vqatune.tables import IMAGES, LISTINGS, read_table, write_table


@pytest.fixture
def folder(archives, tmp_path):
    """A folder with three listings and their three images in it."""
    records = [
        archives.listing("B2", "m2", "o1", "m2", "o2"),
        archives.listing("B1", "m1", language="de_DE", color=[{"language_tag": "en_IN", "value": "red"}]),
        archives.listing("B3"),
    ]
    pictures = {name: archives.picture((shade, 0, 0)) for shade, name in enumerate(["m2", "m1", "o1"])}
    return archives.write_archives(tmp_path / "raw", records, pictures)


def rewrite_listings(archives, folder, members):
    archives.write_tar(folder / "abo-listings.tar", members)


def test_listings_and_images_come_out_with_every_column(folder, tmp_path):
    extracted = extract(folder, max_bad_lines=0)
    write_table(extracted.listings, tmp_path / "listings.parquet", LISTINGS)
    write_table(extracted.images, tmp_path / "images.parquet", IMAGES)
    listings = read_table(tmp_path / "listings.parquet", LISTINGS)
    assert listings["item_id"].tolist() == ["B1", "B2", "B3"]
    assert listings["product_type"].tolist() == ["SHOES"] * 3
    assert [list(tags) for tags in listings["languages"]] == [["de_DE", "en_IN"], ["en_US"], ["en_US"]]
    assert [list(names) for names in listings["image_ids"]] == [["m1"], ["m2", "o1", "o2"], []]
    assert json.loads(listings["metadata"][0])["color"] == [{"language_tag": "en_IN", "value": "red"}]
    assert read_table(tmp_path / "images.parquet", IMAGES)["image_id"].tolist() == ["m1", "m2", "o1"]


def test_bytes_at_the_offset_are_those_of_the_image(archives, folder):
    images = extract(folder, max_bad_lines=0).images
    assert images["archive"].unique().tolist() == [str(folder / "abo-images-small.tar")]
    content = (folder / "abo-images-small.tar").read_bytes()
    for shade, image_id in enumerate(["m2", "m1", "o1"]):
        row = images.set_index("image_id").loc[image_id]
        assert content[row["offset"] : row["offset"] + row["length"]] == archives.picture((shade, 0, 0))
        assert (row["height"], row["width"]) == (16, 24)
        assert row["path"] == f"{shade:02x}/{shade:08x}.jpg"


def test_order_of_lines_members_and_rows_and_number_of_workers_do_not_matter(archives, tmp_path, monkeypatch):
    records = [archives.listing(f"B{n % 50:03d}", f"i{n}", f"i{n + 1}", name=f"name {n}") for n in range(60)]
    pictures = {f"i{n}": archives.picture((n, n, n)) for n in range(60)}
    first = extract(archives.write_archives(tmp_path / "a", records, pictures), max_bad_lines=0)
    rng = random.Random(1)
    rng.shuffle(records)
    lines = [archives.line(record) for record in records]
    (tmp_path / "b").mkdir()
    rewrite_listings(
        archives,
        tmp_path / "b",
        [archives.listings_member(7, lines[:5], zipped=False)] + [archives.listings_member(2, lines[5:])],
    )
    rows = [(f"i{n}", f"{n:02x}/{n:08x}.jpg") for n in range(60)]
    members = [(f"images/small/{path}", pictures[image_id]) for image_id, path in rows]
    rng.shuffle(rows)
    rng.shuffle(members)
    archives.write_tar(
        tmp_path / "b/abo-images-small.tar", [archives.images_csv(rows, zipped=False), *members]
    )
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    second = extract(tmp_path / "b", max_bad_lines=0)
    pd.testing.assert_frame_equal(first.listings, second.listings)
    same = ["image_id", "height", "width", "path", "length"]
    pd.testing.assert_frame_equal(first.images[same], second.images[same])
    assert first.report == second.report


def test_empty_lines_are_no_bad_lines(archives, folder):
    rewrite_listings(
        archives,
        folder,
        [archives.listings_member(0, [b"", archives.line(archives.listing("B1")), b"  ", b""])],
    )
    report = extract(folder, max_bad_lines=0).report
    assert (report["listings"], report["bad_lines"]) == (1, 0)


BAD_LINES = {
    "cut": b'{"item_id": "B1", "product_type": [{"val',
    "an array": b"[1, 2]",
    "a string": b'"item_id"',
    "without item_id": b'{"product_type": [{"value": "SHOES"}]}',
    "item_id a number": b'{"item_id": 7, "product_type": [{"value": "SHOES"}]}',
    "without product type": b'{"item_id": "B1"}',
    "product type empty": b'{"item_id": "B1", "product_type": [{"value": ""}]}',
    "not UTF-8": b'{"item_id": "B1", "product_type": [{"value": "SH\xff"}]}',
    "half a surrogate pair": b'{"item_id": "B1", "product_type": [{"value": "SHOES"}], "style": "\\ud800"}',
    "not a number": b'{"item_id": "B1", "product_type": [{"value": "SHOES"}], "weight": NaN}',
    "nested too deep": b'{"item_id": "B1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_skipped_counted_and_named(archives, folder, bad):
    good = archives.line(archives.listing("B1"))
    rewrite_listings(archives, folder, [archives.listings_member(10, [good, bad])])
    extracted = extract(folder, max_bad_lines=1)
    assert extracted.listings["item_id"].tolist() == ["B1"]
    assert extracted.report["bad_lines"] == 1
    assert extracted.report["bad_line_names"][0].startswith("listings/metadata/listings_a.json.gz:2 ")


def test_more_bad_lines_than_allowed_are_an_error_that_names_the_first(archives, folder):
    rewrite_listings(archives, folder, [archives.listings_member(part, [b"{", b"}"]) for part in range(2)])
    with pytest.raises(DataError, match=r"4 lines .*max_bad_lines: 3.*listings_0\.json\.gz:1 ") as raised:
        extract(folder, max_bad_lines=3)
    assert "\n" not in str(raised.value)


def test_of_many_bad_lines_each_is_named(archives, folder):
    good = archives.line(archives.listing("A1", "a"))
    members = [archives.listings_member(part, [b"{"] * 40 + [good]) for part in range(2)]
    rewrite_listings(archives, folder, members)
    report = extract(folder, max_bad_lines=80).report
    assert report["bad_lines"] == 80
    assert len(report["bad_line_names"]) == len(set(report["bad_line_names"])) == report["bad_lines"] == 80


def test_rows_without_bytes_and_bytes_without_a_row_are_counted(archives, folder):
    picture = archives.picture()
    archives.write_tar(
        folder / "abo-images-small.tar",
        [
            archives.images_csv(
                [("a", "00/a.jpg"), ("b", "00/b.jpg"), ("a", "00/c.jpg"), ("NA", "00/d.jpg")]
            ),
            ("images/small/00/a.jpg", picture),
            ("images/small/00/d.jpg", picture),
            ("images/small/00/e.jpg", picture),
            ("images/README.md", b"read me"),
        ],
    )
    extracted = extract(folder, max_bad_lines=0)
    assert extracted.images["image_id"].tolist() == ["NA", "a"]
    counts = {"images": 2, "images_without_bytes": 1, "rows_repeated": 1, "members_without_row": 1}
    assert counts.items() <= extracted.report.items()


def test_of_two_members_with_one_name_the_later_counts(archives, folder):
    first, second = archives.picture((1, 2, 3)), archives.picture((250, 2, 3), size=(40, 40))
    archives.write_tar(
        folder / "abo-images-small.tar",
        [
            ("images/small/a.jpg", first),
            ("images/small/a.jpg", second),
            archives.images_csv([("a", "a.jpg")]),
        ],
    )
    assert extract(folder, max_bad_lines=0).images["length"].tolist() == [len(second)]


def test_a_tar_of_a_folder_has_names_that_begin_with_a_dot(archives, folder):
    archives.write_tar(
        folder / "abo-images-small.tar",
        [
            ("./images/small/a.jpg", b"1"),
            ("./images/metadata/images.csv", archives.images_csv([("a", "a.jpg")], zipped=False)[1]),
        ],
    )
    assert len(extract(folder, max_bad_lines=0).images) == 1


def test_long_member_names_are_found(archives, folder):
    name = "x" * 150 + "/" + "y" * 150 + ".jpg"
    with tarfile.open(folder / "abo-images-small.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in [(f"images/small/{name}", b"12345"), archives.images_csv([("a", name)])]:
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert extract(folder, max_bad_lines=0).images["path"].tolist() == [name]


@pytest.mark.parametrize("name", ["abo-listings.tar", "abo-images-small.tar"])
class TestDamagedArchive:
    def raises(self, folder, name, match):
        with pytest.raises(ArchiveError, match=match) as raised:
            extract(folder, max_bad_lines=100)
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_missing(self, folder, name):
        (folder / name).unlink()
        self.raises(folder, name, "does not exist")

    def test_not_a_tar(self, folder, name):
        (folder / name).write_bytes(b"<html>not found</html>" * 100)
        self.raises(folder, name, "is not a tar")

    def test_empty(self, folder, name):
        (folder / name).write_bytes(b"")
        self.raises(folder, name, "is not a tar")

    def test_compressed(self, folder, name):
        (folder / name).write_bytes(gzip.compress((folder / name).read_bytes()))
        self.raises(folder, name, "is not a tar")

    def test_cut_within_a_member(self, folder, name):
        content = (folder / name).read_bytes()
        with tarfile.open(folder / name) as tar:
            last = tar.getmembers()[-1]
        (folder / name).write_bytes(content[: last.offset_data + last.size // 2])
        self.raises(folder, name, "cut or damaged")

    def test_cut_within_a_header(self, folder, name):
        content = (folder / name).read_bytes()
        with tarfile.open(folder / name) as tar:
            last = tar.getmembers()[-1]
        (folder / name).write_bytes(content[: last.offset + 300])
        self.raises(folder, name, "cut or damaged")

    def test_cut_exactly_where_a_member_ends(self, folder, name):
        content = (folder / name).read_bytes()
        with tarfile.open(folder / name) as tar:
            tar.getmembers()
            end = tar.offset
        (folder / name).write_bytes(content[:end])
        self.raises(folder, name, "cut or damaged")

    def test_damaged_in_the_middle(self, folder, name):
        content = bytearray((folder / name).read_bytes())
        with tarfile.open(folder / name) as tar:
            offset = tar.getmembers()[-1].offset
        content[offset : offset + 512] = b"\xa5" * 512
        (folder / name).write_bytes(content)
        self.raises(folder, name, "cut or damaged")

    @pytest.mark.parametrize(
        "unsafe", ["/etc/passwd", "../outside.jpg", "images/../../outside", "C:\\x", "a\\..\\b"]
    )
    def test_unsafe_member_names(self, archives, folder, name, unsafe):
        with tarfile.open(folder / name) as tar:
            members = [(member.name, tar.extractfile(member).read()) for member in tar.getmembers()]
        archives.write_tar(folder / name, [*members, (unsafe, b"x")])
        before = sorted(folder.parent.rglob("*"))
        self.raises(folder, name, "points out of")
        assert sorted(folder.parent.rglob("*")) == before

    def test_without_the_members_expected(self, archives, folder, name):
        archives.write_tar(folder / name, [("README.md", b"something else")])
        self.raises(folder, name, "has no member")


def test_a_broken_gzip_member_is_an_error_that_names_it(archives, folder):
    member, content = archives.listings_member(
        3, [archives.line(archives.listing(f"B{n}")) for n in range(99)]
    )
    for damaged in (content[:-20], b"not gzip", content[:40] + b"\0\0\0\0" + content[44:]):
        rewrite_listings(archives, folder, [(member, damaged)])
        with pytest.raises(ArchiveError, match=r"listings_3\.json\.gz is damaged"):
            extract(folder, max_bad_lines=100)


@pytest.mark.parametrize(
    ("header", "rows", "match"),
    [
        ("image_id,height,width,file", [("a", "a.jpg")], "lacks the column.*path"),
        ("image_id,height,width,path", [("a,x", "a.jpg")], "not a table"),
        ("image_id,width,height,path", [("a", "7,a.jpg")], "not a table"),
    ],
)
def test_an_images_table_unlike_abos_is_an_error(archives, folder, header, rows, match):
    members = [("images/small/a.jpg", b"1"), archives.images_csv(rows, header=header)]
    archives.write_tar(folder / "abo-images-small.tar", members)
    with pytest.raises(DataError, match=match) as raised:
        extract(folder, max_bad_lines=0)
    assert "\n" not in str(raised.value)


def test_the_real_slice_is_read_whole(extracted_slice):
    extracted = extracted_slice
    assert len(extracted.listings) == len(extracted.images) == 10_000
    assert extracted.report["images_without_bytes"] == extracted.report["members_without_row"] == 0
    assert set(extracted.images["image_id"]) >= {names[0] for names in extracted.listings["image_ids"]}


def test_where_no_line_is_a_listing_the_first_reasons_are_said(archives, folder):
    rewrite_listings(
        archives, folder, [archives.listings_member(0, [b"[", b'{"item_id": "A1"}'], zipped=False)]
    )
    with pytest.raises(
        DataError, match="not one of the 2 lines .*listings_0.json:1 is not JSON.* has no product_type"
    ):
        extract(folder, max_bad_lines=100)


def test_sizes_may_be_anything_and_paths_be_written_elsewhere(archives, folder):
    table = "image_id,height,width,path\na,64.0,,images/small/00/a.jpg\nb,,-1,C:\\abo\\00\\b.jpg\nc,x,16,/00/c.jpg\n"
    pictures = [
        (f"images/small/00/{name}.jpg", archives.picture((number, 0, 0))) for number, name in enumerate("abc")
    ]
    archives.write_tar(
        folder / "abo-images-small.tar", [("images/metadata/images.csv", table.encode()), *pictures]
    )
    images = extract(folder, max_bad_lines=0).images
    assert images["path"].tolist() == ["00/a.jpg", "00/b.jpg", "00/c.jpg"]
    assert images["height"].fillna(0).tolist() == [64, 0, 0] and images["width"].fillna(0).tolist() == [
        0,
        0,
        16,
    ]


def test_paths_of_no_picture_are_shown_beside_those_that_there_are(archives, folder):
    members = [("images/small/00/a.jpg", archives.picture()), archives.images_csv([("a", "other.jpg")])]
    archives.write_tar(folder / "abo-images-small.tar", members)
    with pytest.raises(DataError, match="it has other.jpg; the pictures are 00/a.jpg"):
        extract(folder, max_bad_lines=0)


def test_two_columns_of_one_name_are_an_error_that_names_it(archives, folder):
    members = [
        ("images/small/00/a.jpg", archives.picture()),
        archives.images_csv([("a", "00/a.jpg")], header="image_id,path,width,path"),
    ]
    archives.write_tar(folder / "abo-images-small.tar", members)
    with pytest.raises(DataError, match=r"images\.csv\.gz has the column 'path' more than once"):
        extract(folder, max_bad_lines=0)


def test_a_line_that_is_longer_than_any_is_an_error_before_it_takes_the_memory(archives, folder, monkeypatch):
    monkeypatch.setattr("vqatune.catalogue.sources.abo_images._BLOCK", 100)
    name, _ = archives.images_csv([])
    endless = gzip.compress(b"image_id,path\na," + bytes(10_000))
    archives.write_tar(
        folder / "abo-images-small.tar", [("images/small/00/a.jpg", archives.picture()), (name, endless)]
    )
    with pytest.raises(DataError, match=r"images\.csv\.gz is not a table of images"):
        extract(folder, max_bad_lines=0)
    monkeypatch.setattr("vqatune.catalogue.sources.abo_listings._LONGEST_LINE", 100)
    with pytest.raises(ArchiveError, match="a member has a line of more than 100 bytes"):
        list(_short_lines(io.BytesIO(bytes(101)), "a member"))


def linked(folder, kind, names):
    with tarfile.open(folder / "abo-images-small.tar", "w") as tar:
        for name, content in names:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = kind, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def test_a_hard_link_has_the_bytes_of_its_target(archives, folder):
    members = [
        ("images/small/00/a.jpg", archives.picture()),
        ("./images/small/00/b.jpg", "images/small/00/a.jpg"),
    ]
    linked(folder, tarfile.LNKTYPE, [*members, archives.images_csv([("a", "00/a.jpg"), ("b", "00/b.jpg")])])
    images = extract(folder, max_bad_lines=0).images.set_index("image_id")
    assert images.loc["b", ["offset", "length"]].tolist() == images.loc["a", ["offset", "length"]].tolist()


def test_symbolic_links_are_named_with_what_to_do(archives, folder):
    table = archives.images_csv([("a", "00/a.jpg"), ("b", "00/b.jpg")])
    link = ("images/small/00/b.jpg", "../elsewhere.jpg")
    linked(folder, tarfile.SYMTYPE, [link, table])
    with pytest.raises(ArchiveError, match="has symbolic links .* `tar -h`"):
        extract(folder, max_bad_lines=0)
    linked(folder, tarfile.SYMTYPE, [("images/small/00/a.jpg", archives.picture()), link, table])
    assert extract(folder, max_bad_lines=0).report["symbolic_links"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_number_of_parts_changes_no_row_and_no_count(archives, tmp_path, seed):
    rng = random.Random(seed)
    names = [f"{rng.randrange(3):02d}/{number}.jpg" for number in range(30)]
    # Some are there twice, of which the last counts, and some in no row.
    members = [(f"images/small/{name}", bytes(rng.randrange(1, 9))) for name in rng.choices(names, k=40)]
    # Rows repeat images, name pictures by other roots, with backslashes and without ends, and some that are not there.
    others = [
        lambda name: name,
        "images/small/{}".format,
        r"C:\abo\{}".format,
        lambda name: name[:-4],
        lambda name: name[3:],
    ]
    rows = [
        (f"i{rng.randrange(30)}", rng.choice(others)(rng.choice([*names, "00/none.jpg"]))) for _ in range(40)
    ]
    records = [
        archives.listing(f"B{rng.randrange(20)}", *rng.choices("abc", k=2), name=f"n{n}") for n in range(30)
    ]
    folder = archives.write_archives(tmp_path / "raw", records, {"a": archives.picture()})
    archives.write_tar(folder / "abo-images-small.tar", [*members, archives.images_csv(rows)])
    whole, parts = (extract(folder, max_bad_lines=0, count=count) for count in (1, 5))
    assert parts.report == whole.report
    for table, key in (("listings", ["item_id", "metadata"]), ("images", ["image_id"])):
        expected, found = (
            getattr(each, table).sort_values(key, ignore_index=True).map(repr) for each in (whole, parts)
        )
        pd.testing.assert_frame_equal(found, expected)
