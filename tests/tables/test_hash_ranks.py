import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vqatune.tables.hash_ranks import hash_rank, hash_ranks, unit


def test_ranks_are_the_same_on_every_machine():
    assert hash_rank(13, "sample", "81zjC77+K6L") == 6142173238182284907
    assert hash_ranks(1, "a", ["x", "y"]).tolist() == [hash_rank(1, "a", "x"), hash_rank(1, "a", "y")]


@given(st.integers(), st.text(), st.text())
def test_another_seed_or_purpose_gives_another_rank(seed, purpose, key):
    assert hash_rank(seed, purpose, key) != hash_rank(seed + 1, purpose, key)
    assert hash_rank(seed, purpose, key) != hash_rank(seed, purpose + "!", key)


def test_ranks_are_uniform():
    drawn = np.array([unit(7, "uniform", number) for number in range(20_000)])
    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    assert (abs(counts - 1000) < 5 * np.sqrt(1000)).all()
