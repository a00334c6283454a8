"""Shards: every image is in exactly one, they are about equal, and all machines agree."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from vqatune.generation.generate import in_shard

_types = st.lists(st.sampled_from(["MUG", "HAT", "CHAIR", "SOFA", "", "nan", "木"]), max_size=60)


def shares(product_types: pd.Series, of: int) -> list[pd.Series]:
    return [in_shard(product_types, f"{number}/{of}") for number in range(1, of + 1)]


@given(types=_types, of=st.integers(1, 9))
def test_every_image_is_in_one_shard_and_a_type_is_not_shared_out(types, of):
    product_types = pd.Series(types, dtype="str", index=range(100, 100 + len(types)))
    found = pd.concat(shares(product_types, of), axis=1)
    assert (found.sum(axis=1) == 1).all()
    assert found.index.equals(product_types.index) and (found.dtypes == bool).all()
    assert (found.groupby(product_types).nunique() <= 1).all(axis=None)


@given(types=_types, of=st.integers(1, 9))
def test_shards_differ_by_no_more_images_than_the_largest_type_has(types, of):
    product_types = pd.Series(types, dtype="str")
    sizes = [int(share.sum()) for share in shares(product_types, of)]
    assert max(sizes) - min(sizes) <= product_types.value_counts().max() if types else sizes == [0] * of


@given(types=_types, of=st.integers(1, 5), data=st.data())
def test_the_order_of_the_images_changes_nobodys_share(types, of, data):
    product_types = pd.Series(types, dtype="str")
    shuffled = pd.Series(data.draw(st.permutations(list(product_types.items()))), dtype="object")
    other = pd.Series({place: name for place, name in shuffled}, dtype="str")
    for one, two in zip(shares(product_types, of), shares(other, of), strict=True):
        assert two.sort_index().tolist() == one.tolist()


def test_the_work_is_shared_as_equally_as_types_allow():
    types = pd.Series(["A"] * 50 + ["B"] * 30 + ["C"] * 20 + ["D"] * 10 + ["E"] * 10, dtype="str")
    found = [sorted(types[share].unique()) for share in shares(types, 2)]
    assert found == [["A", "D"], ["B", "C", "E"]]
    assert [int(share.sum()) for share in shares(types, 7)] == [50, 30, 20, 10, 10, 0, 0]


def test_the_largest_types_are_given_out_first():
    # Given out as they come, E would be added to two of the others.
    types = pd.Series([*"ABCD", *"EEEEEE"], dtype="str")
    assert [int(share.sum()) for share in shares(types, 2)] == [6, 4]
