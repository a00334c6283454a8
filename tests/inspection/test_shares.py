import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from vqatune.inspection.shares import cohens_kappa, share

VERDICTS = ["right", "wrong", "unclear", "mend"]


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (3, 10), (0, 40), (40, 40), (7, 1000), (1, 3)])
def test_intervals_are_wilsons(count, of):
    found, wanted = share(count, of), binomtest(count, of).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert found.value == count / of and 0 <= found.low <= found.value <= found.high <= 1


def test_a_share_of_nothing_is_none():
    assert (share(0, 0).value, share(0, 0).low) == (None, None)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_scikit_learns(seed):
    random = np.random.default_rng(seed)
    first = random.choice(VERDICTS, 60, p=[0.7, 0.1, 0.1, 0.1])
    second = np.where(random.random(60) < 0.6, first, random.choice(VERDICTS, 60))
    assert cohens_kappa(first.tolist(), second.tolist()) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_by_hand_and_where_it_is_undefined():
    # Of 50, both say yes to 20 and no to 15: 0.7 agree, 0.5 by chance (Cohen's textbook example).
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(*zip(*pairs, strict=True)) == pytest.approx(0.4)
    assert cohens_kappa([], []) is None and cohens_kappa(["y"], ["y"]) is None
    assert cohens_kappa(["y"], ["n"]) == 0
