import pandas as pd

from vqatune.inspection.draw import draw_over_types


def _images(**counts: int) -> pd.DataFrame:
    rows = [(f"{name}{number:03d}", name) for name, count in counts.items() for number in range(count)]
    return pd.DataFrame(rows, columns=["image_id", "product_type"])


def test_types_have_as_equal_numbers_as_they_can():
    images = _images(A=500, B=40, C=3)
    drawn = draw_over_types(images, 30, 7)
    assert drawn["product_type"].value_counts().to_dict() == {"A": 14, "B": 13, "C": 3} or drawn[
        "product_type"
    ].value_counts().to_dict() == {"A": 13, "B": 14, "C": 3}
    assert draw_over_types(images, 9, 7)["product_type"].value_counts().to_dict() == {"A": 3, "B": 3, "C": 3}
    assert len(draw_over_types(images, 1000, 7)) == 543
    assert draw_over_types(_images(A=5, B=5, C=5, D=5), 2, 7)["product_type"].nunique() == 2


def test_a_draw_depends_on_neither_order_nor_other_images_and_a_smaller_one_is_part_of_it():
    images = _images(A=50, B=40, C=3)
    drawn = draw_over_types(images, 20, 7)
    shuffled = images.sample(frac=1, random_state=1)
    assert draw_over_types(shuffled, 20, 7).equals(drawn.loc[drawn.index])
    assert set(draw_over_types(images, 10, 7)["image_id"]) < set(drawn["image_id"])
    assert set(draw_over_types(images, 20, 8)["image_id"]) != set(drawn["image_id"])
