"""Tensors of images that may have different numbers of rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from vqatune.loading.ragged import Ragged


def _image(number: int, patches: int, tiles: int) -> Ragged:
    """One image, whose rows say which image it is."""
    tensors = {"patches": torch.full((patches, 2), number), "tiles": torch.full((tiles,), number)}
    return Ragged(tensors, {"patches": (patches,), "tiles": (tiles,)})


@given(
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=6),
    ends=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_images_that_are_joined_come_apart_as_they_were(sizes, ends):
    images = [_image(number, *size) for number, size in enumerate(sizes)]
    joined = Ragged.joined(images)
    assert len(joined) == len(images)
    first, end = sorted(min(place, len(images)) for place in ends)
    some = joined.select(first, end)
    assert some.rows == {
        name: tuple(image.rows[name][0] for image in images[first:end]) for name in ("patches", "tiles")
    }
    for name in ("patches", "tiles"):
        expected = [image.tensors[name] for image in images[first:end]]
        assert some.tensors[name].tolist() == [row for rows in expected for row in rows.tolist()]


def test_one_row_an_image_and_a_change_of_all_rows():
    pictures = Ragged.one_each("pixel_values", torch.ones(3, 2, 2))
    assert len(pictures) == 3 and pictures.rows == {"pixel_values": (1, 1, 1)}
    doubled = pictures.map(lambda tensor: 2 * tensor)
    assert doubled.select(1, 2).tensors["pixel_values"].tolist() == [[[2.0, 2.0], [2.0, 2.0]]]
    assert pictures.tensors["pixel_values"].max() == 1
