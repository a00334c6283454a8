import pytest

from vqatune.catalogue.settings import fitting_minimum
from vqatune.params import Params


@pytest.mark.parametrize(
    ("counts", "minimum"),
    [
        ([500], None),
        ([15] * 4, 10),
        ([8, 8, 8], 5),
        ([30, 30, 2, 2], None),
        ([3, 3, 3, 3], 2),
        ([1] * 40, 0),
        ([], None),
    ],
)
def test_types_with_half_of_the_images_are_tested_where_that_is_possible(counts, minimum):
    assert fitting_minimum(counts, Params()) == minimum
