"""The drawn museum: its archives, its records in four languages, and what each picture shows."""

import gzip
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from whole_tables import extract

from vqatune.showroom.museum.catalogue import draw_museum, plan_museum
from vqatune.showroom.museum.drawing import draw, framing
from vqatune.showroom.museum.objects import KINDS, PATTERNS, PERIODS, SUBJECTS, VIEWS, random_object, shown
from vqatune.showroom.museum.wording import object_record

OBJECTS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("museum")
    draw_museum(OBJECTS, seed=13, folder=folder)
    return folder


def test_the_same_seed_draws_the_same_bytes_and_a_larger_museum_begins_with_a_smaller_one(folder, tmp_path):
    draw_museum(OBJECTS, seed=13, folder=tmp_path)
    for name in ("abo-listings.tar", "abo-images-small.tar"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()
    assert plan_museum(OBJECTS, 13) == plan_museum(2 * OBJECTS, 13)[:OBJECTS]


def test_objects_have_three_or_four_pictures_and_a_museums_fields(folder):
    extracted = extract(folder, max_bad_lines=0)
    assert len(extracted.listings) == OBJECTS
    assert {len(images) for images in extracted.listings["image_ids"]} == {3, 4}
    assert extracted.report["images_without_bytes"] == 0
    with tarfile.open(folder / "abo-listings.tar") as archive:
        [member] = archive.getmembers()
        lines = gzip.decompress(archive.extractfile(member).read()).splitlines()
    record = json.loads(lines[0])
    fields = {
        "subject",
        "title",
        "creator",
        "material",
        "place",
        "type",
        "collection",
        "institution",
        "rights",
    }
    assert record.keys() >= fields


def test_a_record_has_its_values_in_each_of_its_languages():
    thing = random_object(1, "a", kind="PAINTING")
    record = object_record(thing, ("en", "de", "fr", "es"), "M1")
    for field in (
        "title",
        "type",
        "subject",
        "material",
        "shape",
        "pattern",
        "period",
        "place",
        "collection",
    ):
        assert [value["language_tag"] for value in record[field]] == ["en", "de", "fr", "es"]
    german = {value["value"] for value in record["material"] if value["language_tag"] == "de"}
    assert german <= {"Öl auf Leinwand", "Tempera auf Holz"}
    # Names, numbers and rights are the same in all languages.
    assert "language_tag" not in record["creator"][0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_shows_what_it_is_said_to_show_and_nothing_else(kind):
    shapes, materials = KINDS[kind]
    other = {
        "material": materials,
        "shape": shapes,
        "pattern": PATTERNS,
        "subject": SUBJECTS,
        "period": PERIODS,
    }
    for number in range(6):
        thing = random_object(2, number, kind=kind)
        for view in VIEWS:
            frame = framing(view, 2, number)
            picture = np.asarray(draw(thing, frame, (64, 64)))
            for field, values in other.items():
                # The outline is left out: a detail has none, but differs where the object's proportions do.
                if field == "shape" and view == "detail":
                    continue
                change = {field: next(value for value in values if value != getattr(thing, field))}
                changed = np.asarray(draw(replace(thing, **change), frame, (64, 64)))
                assert (picture != changed).any() == (field in shown(thing, view)), (view, field)
            unseen = replace(
                thing, creator="X", collector="Y", accession_number="1", language=None, place="Z"
            )
            assert (picture == np.asarray(draw(unseen, frame, (64, 64)))).all()


def test_period_and_place_can_be_seen_to_a_known_degree():
    entries = plan_museum(2000, 13)
    views = [shown(entry.thing, view) for entry in entries for view in entry.views]
    share = {
        field: sum(field in seen for seen in views) / len(views) for field in ("period", "place", "type")
    }
    # 3.4 views an object, of which 0.4 are details.
    assert share["period"] == pytest.approx(0.8 * 3 / 3.4, abs=0.03)
    assert share["place"] == pytest.approx(0.9, abs=0.03)
    assert share["type"] == pytest.approx(3 / 3.4, abs=0.02)
