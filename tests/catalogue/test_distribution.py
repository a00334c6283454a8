import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vqatune.catalogue.distribution import draw_distribution


def make_table(types: int, largest: int) -> pd.DataFrame:
    images = np.maximum(largest // np.arange(1, types + 1) ** 2, 1)
    tier = np.select([images >= 100_000, images >= 1_000], [100_000, 1_000], 0)
    sampled = np.where(tier > 0, images // 2, images)
    return pd.DataFrame(
        {
            "product_type": [f"TYPE_{place:03d}" for place in range(types)],
            "images": images,
            "tier": tier,
            "target": sampled,
            "sampled": sampled,
            "repeats_total": np.maximum(sampled, 100),
        }
    )


@pytest.mark.parametrize(("types", "largest"), [(1, 5), (24, 900), (576, 281_796)])
def test_the_figure_is_the_same_bytes_each_time_and_in_any_order_of_rows(tmp_path, types, largest):
    table = make_table(types, largest)
    draw_distribution(table, tmp_path / "first.png")
    draw_distribution(table.sample(frac=1, random_state=1), tmp_path / "second.png")
    content = (tmp_path / "first.png").read_bytes()
    assert content == (tmp_path / "second.png").read_bytes()
    assert b"matplotlib" not in content.lower()
    with Image.open(tmp_path / "first.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 500


def test_what_was_drawn_shows_in_the_figure(tmp_path):
    table = make_table(24, 900)
    draw_distribution(table, tmp_path / "all.png")
    draw_distribution(table.assign(sampled=table["sampled"] // 2), tmp_path / "half.png")
    pictures = [
        np.asarray(Image.open(tmp_path / name).convert("RGB"), int) for name in ("all.png", "half.png")
    ]
    # Orange is the sample: less of it is drawn for half of the images.
    orange = [((picture[..., 0] - picture[..., 2]) > 100).sum() for picture in pictures]
    assert 0 < orange[1] < 0.95 * orange[0]


def test_types_without_a_drawn_image_do_not_stop_the_figure(tmp_path):
    draw_distribution(make_table(5, 50).assign(sampled=0, repeats_total=0), tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000
