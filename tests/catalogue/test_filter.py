import io
import json
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from whole_tables import extract, filter_images

from vqatune.catalogue.filter_images import digests_of_images
from vqatune.errors import ArchiveError, DataError
from vqatune.tables import FILTERED, IMAGES, LISTINGS, read_table, write_table


@pytest.fixture
def run(archives, tmp_path, make_params):
    """Filter a catalogue of these records and pictures (id → bytes) with these parameters."""

    def run(records, pictures, **changes):
        folder = archives.write_archives(tmp_path / "raw", records, pictures)
        extracted = extract(folder, max_bad_lines=0)
        params = make_params({f"filter.{name}": value for name, value in changes.items()}).filter
        return filter_images(extracted.listings, extracted.images, params)

    return run


def said(*values, tag="en_US"):
    return [{"language_tag": tag, "value": value} for value in values]


def owners(filtered):
    return dict(zip(filtered["image_id"], filtered["item_id"], strict=True))


def said_of(filtered, image_id):
    return json.loads(filtered.set_index("image_id").loc[image_id, "metadata"])


def test_every_image_of_a_listing_becomes_a_row_with_its_place(archives, run, tmp_path):
    pictures = {name: archives.picture((shade, 0, 0)) for shade, name in enumerate(["b", "a", "c"])}
    filtered, report = run(
        [archives.listing("B1", "b", "a"), archives.listing("B2", "c", kind="HAT")], pictures
    )
    write_table(filtered, tmp_path / "filtered.parquet", FILTERED)
    filtered = read_table(tmp_path / "filtered.parquet", FILTERED)
    assert filtered["image_id"].tolist() == ["a", "b", "c"]
    assert filtered["product_type"].tolist() == ["SHOES", "SHOES", "HAT"]
    assert filtered["language"].unique().tolist() == ["en_US"]
    archive = (tmp_path / "raw/abo-images-small.tar").read_bytes()
    for row in filtered.itertuples():
        assert archive[row.offset : row.offset + row.length] == pictures[row.image_id]
    assert (report["listings_kept"], report["images_kept"], report["product_types"]) == (2, 3, 2)


def test_only_values_in_the_wanted_language_are_kept(archives, run):
    record = archives.listing(
        "B1",
        "a",
        name="a shoe",
        color=[*said("rot", tag="de_DE"), *said("red"), *said("crimson", tag="en_GB")],
        color_code=["#ff0000"],
        pattern=said("einfarbig", tag="de_DE"),
    )
    other = archives.listing("B2", "b", language="de_DE")
    filtered, report = run([record, other], {"a": archives.picture(), "b": archives.picture((1, 1, 1))})
    assert owners(filtered) == {"a": "B1"}
    assert said_of(filtered, "a") == {
        "color": ["red"],
        "color_code": ["#ff0000"],
        "item_name": ["a shoe"],
        "product_type": ["SHOES"],
    }
    assert report["listings_dropped_other_language"] == 1


def test_a_prefix_takes_all_of_a_language_and_no_other(archives, run):
    records = [
        archives.listing(f"B{n}", f"i{n}", language=tag)
        for n, tag in enumerate(["en_US", "en_IN", "eng", "de_DE"])
    ]
    filtered, _ = run(records, {f"i{n}": archives.picture((n, 0, 0)) for n in range(4)}, languages=["en"])
    assert dict(zip(filtered["image_id"], filtered["language"], strict=True)) == {
        "i0": "en_US",
        "i1": "en_IN",
    }


def test_the_language_is_the_one_of_most_values_then_the_first(archives, run):
    values = {"style": said("modern", tag="en_GB"), "bullet_point": said("one", "two", tag="en_IN")}
    records = [
        archives.listing("B1", "a", language="en_GB", **values),
        archives.listing("B2", "b", language="en_IN", **values),
    ]
    filtered, _ = run(records, {"a": archives.picture(), "b": archives.picture((1, 1, 1))}, languages=["en"])
    assert filtered["language"].tolist() == ["en_GB", "en_IN"]


def test_of_a_listing_in_several_languages_one_can_be_kept(archives, run):
    record = archives.listing("B1", "a")
    record["item_name"] = said("Vase", tag="en") + said("Krug", tag="de")
    record["style"] = said("alt", tag="de")
    record["brand"] = [{"value": "Solna"}]
    picture = {"a": archives.picture()}
    several, _ = run([record], picture, languages=["en", "de"], fields=["item_name", "style", "brand"])
    assert said_of(several, "a")["item_name"] == ["Vase", "Krug"]
    one, _ = run(
        [record], picture, languages=["en", "de"], fields=["item_name", "style", "brand"], one_language=True
    )
    assert one["language"].tolist() == ["de"]
    assert said_of(one, "a") == {"item_name": ["Krug"], "style": ["alt"], "brand": ["Solna"]}


def test_fields_not_asked_for_are_left_out(archives, run):
    record = archives.listing("B1", "a", brand=said("Stone & Beam"), style=said("modern"))
    filtered, _ = run([record], {"a": archives.picture()}, fields=["style", "brand"])
    assert filtered["metadata"].tolist() == ['{"brand":["Stone & Beam"],"style":["modern"]}']


def test_values_are_text_without_html_or_none_like_values(archives, run):
    record = archives.listing(
        "B1",
        "a",
        product_description=said("<p>Soft&nbsp;&amp; warm</p><ul><li>wash<br/>cold</li></ul>"),
        color=said("None", "  ", "n/a", "red", "red"),
        style=said("NULL"),
        material=[{"language_tag": "en_US", "value": None}, {"language_tag": "en_US"}],
        pattern="striped",
    )
    filtered, _ = run([record], {"a": archives.picture()})
    assert said_of(filtered, "a") == {
        "color": ["red"],
        "item_name": ["a red shoe"],
        "pattern": ["striped"],
        "product_description": ["Soft & warm wash cold"],
        "product_type": ["SHOES"],
    }


def test_a_listing_whose_only_text_is_none_like_is_dropped(archives, run):
    records = [archives.listing("B1", "a", name="None"), archives.listing("B2", "b")]
    filtered, report = run(records, {"a": archives.picture(), "b": archives.picture((1, 1, 1))})
    assert owners(filtered) == {"b": "B2"}
    assert report["listings_dropped_no_text"] == 1


def test_of_a_repeated_listing_the_one_with_most_images_is_kept(archives, run):
    records = [
        archives.listing("B1", "a", name="first"),
        archives.listing("B1", "a", "b", name="second"),
        archives.listing("B1", language="de_DE"),
        archives.listing("B1", "a", name="first"),
    ]
    filtered, report = run(records, {"a": archives.picture(), "b": archives.picture((1, 1, 1))})
    assert said_of(filtered, "a")["item_name"] == said_of(filtered, "b")["item_name"] == ["second"]
    assert report["listings_dropped_repeated"] == 2


def test_a_shared_image_stays_with_the_listing_it_is_the_main_image_of(archives, run):
    records = [
        archives.listing("B1", "x", "shared"),
        archives.listing("B3", "shared"),
        archives.listing("B2", "shared", "y"),
    ]
    pictures = {name: archives.picture((shade, 0, 0)) for shade, name in enumerate(["x", "y", "shared"])}
    filtered, report = run(records, pictures)
    assert owners(filtered) == {"x": "B1", "y": "B2", "shared": "B2"}
    assert report["references_repeated"] == 2
    assert report["listings_dropped_no_image_left"] == 1


def test_the_same_bytes_under_another_id_are_kept_once(archives, run):
    same = archives.picture()
    records = [archives.listing("B1", "x", "c"), archives.listing("B2", "b"), archives.listing("B3", "a")]
    filtered, report = run(records, {"a": same, "b": same, "c": same, "x": archives.picture((1, 1, 1))})
    assert owners(filtered) == {"x": "B1", "b": "B2"}
    assert report["references_same_bytes"] == 2


def test_what_does_not_open_is_dropped_and_what_opens_is_kept(archives, run):
    jpeg = archives.picture(size=(200, 150))
    huge = b"BM" + (54).to_bytes(4, "little") * 2 + bytes(4) + (40).to_bytes(4, "little")
    huge += (50_000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)
    pictures = {
        "bad-cut": jpeg[: len(jpeg) // 2],
        "bad-cut-by-two": jpeg[:-2],
        "bad-empty": b"",
        "bad-text": b"<html>404</html>" * 9,
        "bad-png": archives.picture(kind="PNG")[:-40],
        "bad-script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "bad-ppm": archives.picture(kind="PPM"),
        "bad-huge": huge,
        "good-jpeg": jpeg,
        "good-tiny": archives.picture(size=(1, 1)),
        "good-gray": archives.picture(mode="L"),
        "good-cmyk": archives.picture(mode="CMYK"),
        "good-png": archives.picture(kind="PNG"),
        "good-alpha": archives.picture(kind="PNG", mode="RGBA"),
        "good-palette": archives.picture(kind="PNG", mode="P"),
        "good-bits": archives.picture(kind="PNG", mode="1"),
        "good-gif": archives.picture(kind="GIF"),
    }
    # In the archive in another order than by id.
    filtered, report = run([archives.listing("B1", *pictures)], dict(reversed(pictures.items())))
    assert set(filtered["image_id"]) == {name for name in pictures if name.startswith("good")}
    assert report["references_unreadable"] == 8


def test_every_listing_and_every_reference_is_accounted_for(archives, run):
    rng = random.Random(4)
    names = [f"i{n}" for n in range(30)]
    pictures = {
        name: rng.choice([archives.picture((n % 20, 0, 0)), b"no image"]) for n, name in enumerate(names)
    }
    records = [
        archives.listing(
            f"B{rng.randrange(30)}",
            *rng.sample([*names, "lost"], k=rng.randrange(4)),
            name=rng.choice(["shoe", "hat", "none"]),
            language=rng.choice(["en_US", "de_DE"]),
        )
        for _ in range(80)
    ]
    filtered, report = run(records, pictures)
    dropped = {name: count for name, count in report.items() if name.startswith("listings_dropped")}
    assert report["listings"] == 80 == sum(dropped.values()) + report["listings_kept"]
    assert all(dropped.values())
    lost = {name: count for name, count in report.items() if name.startswith("references_")}
    assert report["image_references"] == sum(lost.values()) + report["images_kept"]
    assert all(lost.values())
    assert report["images_kept"] == len(filtered) == filtered["image_id"].nunique()
    assert report["listings_kept"] == filtered["item_id"].nunique()


@pytest.mark.slow
def test_order_of_rows_and_number_of_workers_do_not_matter(archives, tmp_path, make_params, monkeypatch):
    rng = random.Random(3)
    names = [f"i{n}" for n in range(120)]
    pictures = {name: archives.picture((n % 90, 0, 0)) for n, name in enumerate(names)}
    records = [
        archives.listing(
            f"B{n % 70}", *rng.sample(names, k=3), name=f"name {n}", language=rng.choice(["en_US", "en_IN"])
        )
        for n in range(90)
    ]
    extracted = extract(archives.write_archives(tmp_path, records, pictures), max_bad_lines=0)
    params = make_params({"filter.languages": ["en"]}).filter
    first, first_report = filter_images(extracted.listings, extracted.images, params)
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    # Small chunks, so that two workers share the work.
    monkeypatch.setattr("vqatune.catalogue.filter_listings._LISTINGS_PER_CHUNK", 20)
    monkeypatch.setattr("vqatune.catalogue.filter_images._IMAGES_PER_CHUNK", 20)
    second, second_report = filter_images(
        extracted.listings.sample(frac=1, random_state=1),
        extracted.images.sample(frac=1, random_state=2),
        params,
    )
    pd.testing.assert_frame_equal(first, second)
    assert first_report == second_report


@settings(max_examples=12, deadline=None)
@given(
    listings=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.lists(st.sampled_from("abcdefgh"), max_size=3),
            st.sampled_from(["en_US", "en_IN", "de_DE"]),
            st.sampled_from(["chair", "", "none"]),
        ),
        min_size=1,
        max_size=12,
    ),
    images=st.lists(st.tuples(st.sampled_from("abcdefgx"), st.integers(0, 3)), max_size=9),
    count=st.integers(2, 5),
)
def test_the_number_of_parts_changes_nothing(pictures_file, make_params, listings, images, count):
    records = [
        (f"B{item}", "HAT", [tag], names, json.dumps({"item_name": said(text, tag=tag)}))
        for item, names, tag, text in listings
    ]
    listings = pd.DataFrame(records, columns=LISTINGS.names)
    places = [(name, 1, 1, name, *pictures_file[picture]) for name, picture in images]
    images = pd.DataFrame(places, columns=IMAGES.names)
    params = make_params({"filter.languages": ["en"]}).filter
    try:
        whole = filter_images(listings, images, params)
    except DataError as error:
        with pytest.raises(DataError) as raised:
            filter_images(listings, images, params, count)
        assert str(raised.value) == str(error)
        return
    parts = filter_images(listings, images, params, count)
    pd.testing.assert_frame_equal(parts[0], whole[0])
    assert parts[1] == whole[1]


@pytest.fixture(scope="module")
def pictures_file(archives, tmp_path_factory):
    """The places of three pictures, and of bytes that are none, in a file."""
    contents = [archives.picture((shade, 0, 0)) for shade in range(3)] + [b"no picture"]
    path = tmp_path_factory.mktemp("pictures") / "pictures"
    path.write_bytes(b"".join(contents))
    offsets = [sum(map(len, contents[:place])) for place in range(4)]
    return [(str(path), offset, len(content)) for offset, content in zip(offsets, contents, strict=True)]


def test_no_listing_in_the_language_is_an_error_that_names_those_there_are(archives, run):
    records = [
        archives.listing(f"B{n}", "a", language=tag) for n, tag in enumerate(["de_DE", "en_IN", "en_IN"])
    ]
    with pytest.raises(DataError, match=r"en_US.*en_IN \(2 listings\), de_DE \(1") as raised:
        run(records, {"a": archives.picture()})
    assert "\n" not in str(raised.value)


def test_no_text_in_the_fields_is_an_error_that_names_them(archives, run):
    with pytest.raises(DataError, match=r"no text in the fields of filter\.fields \(style\)"):
        run([archives.listing("B1", "a")], {"a": archives.picture()}, fields=["style"])


def test_no_image_left_is_an_error_that_says_why(archives, run):
    records = [archives.listing("B1", "lost", "bad"), archives.listing("B2", "bad")]
    with pytest.raises(DataError, match="1 are not in images.csv .*1 do not open"):
        run(records, {"bad": b"no image"})
    with pytest.raises(DataError, match="no image is left of the 0"):
        run([archives.listing("B1")], {"bad": b"no image"})


def test_an_archive_that_changed_since_it_was_read_is_an_error(archives, tmp_path, make_params):
    folder = archives.write_archives(tmp_path, [archives.listing("B1", "a")], {"a": archives.picture()})
    extracted = extract(folder, max_bad_lines=0)
    (folder / "abo-images-small.tar").write_bytes(b"shorter")
    with pytest.raises(ArchiveError, match="run the stage extract again"):
        filter_images(extracted.listings, extracted.images, make_params().filter)
    (folder / "abo-images-small.tar").unlink()
    with pytest.raises(ArchiveError, match="does not exist"):
        filter_images(extracted.listings, extracted.images, make_params().filter)


@pytest.mark.slow
def test_the_real_slice_keeps_nearly_all_of_its_images(extracted_slice, make_params, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "2")
    filtered, report = filter_images(extracted_slice.listings, extracted_slice.images, make_params().filter)
    assert report["references_unreadable"] == 0
    assert len(filtered) > 9_900
    assert filtered["language"].unique().tolist() == ["en_US"]


@settings(max_examples=30, deadline=None)
@given(cut=st.floats(0, 0.999))
def test_a_jpeg_cut_anywhere_does_not_open(tmp_path_factory, cut):
    file = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(file, "JPEG", progressive=cut > 0.5)
    content = file.getvalue()
    archive = tmp_path_factory.mktemp("cut") / "archive"
    archive.write_bytes(content * 2)
    lengths = [int(cut * len(content)), len(content)]
    images = pd.DataFrame({"archive": [str(archive)] * 2, "offset": [len(content), 0], "length": lengths})
    digests = digests_of_images(images)
    assert digests.tolist()[0] is None
    assert digests.tolist()[1] is not None
