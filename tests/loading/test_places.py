import pickle

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.loading.places import Place, Places, read_places
from vqatune.tables import IMAGES, write_table

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
rows = st.tuples(names, st.sampled_from(["a.tar", "b.tar"]), st.integers(0, 2**50), st.integers(0, 2**40))


def _table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "archive", "offset", "length"])


@given(st.lists(rows, max_size=40), st.integers(1, 5), names)
def test_every_image_is_found_where_its_last_row_says_and_no_other_is(drawn, groups, other):
    places = Places(_table(drawn[start::groups]) for start in range(groups))
    expected = {row[0]: Place(*row[1:], None) for start in range(groups) for row in drawn[start::groups]}
    for sent in (places, pickle.loads(pickle.dumps(places))):
        assert {name: sent.find(name) for name in expected} == expected
        assert (sent.find(other) is None) == (other not in expected)


def test_digests_stay_with_their_images():
    table = _table([("b", "x.tar", 5, 6), ("a", "x.tar", 0, 5)]).assign(digest=[b"b" * 16, b"a" * 16])
    places = Places([table])
    assert [places.find(name).digest for name in "ab"] == [b"a" * 16, b"b" * 16]


def test_only_the_places_of_the_wanted_images_are_kept(tmp_path):
    count = 50_000
    table = _table([(f"{number:011d}", f"{number % 7}.tar", number, 9) for number in range(count)])
    write_table(table.assign(path="", height=1, width=1), tmp_path / "images.parquet", IMAGES)
    wanted = table["image_id"][::5]
    places = read_places(tmp_path / "images.parquet", [*wanted, "nowhere"])
    assert len(places) == len(wanted)
    assert places.find("00000000010") == ("3.tar", 10, 9, None)
    assert places.find("00000000011") is None and places.find("nowhere") is None
    # What is sent to each process that reads images.
    assert len(pickle.dumps(places)) < 45 * len(wanted)


def test_a_table_of_places_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"images\.parquet does not exist"):
        read_places(tmp_path / "images.parquet", ["a"])
