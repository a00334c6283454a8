import pandas as pd

from vqatune.tasks.multi_angle import multi_angle


def asked(pairs: pd.DataFrame) -> dict[str, set[str]]:
    return pairs.groupby(pairs["question"].str.lower())["image_id"].agg(set).to_dict()


def test_a_question_that_no_view_decides_is_asked_about_every_picture_of_its_listing(inputs):
    pairs, left_out = multi_angle(inputs())
    # Not the position or the count, which a view may hide, nor of a listing with one picture.
    assert asked(pairs) == {
        "what color is the mug?": {"m1", "m2", "m3"},
        "what is it made of?": {"m1", "m2", "m3"},
    }
    assert pairs["group"].nunique() == 2 and pairs["qa_id"].is_unique
    # Two views of the coin have different answers.
    assert left_out == {"answers_differ_between_views": 1}


def test_pictures_that_training_or_validation_has_are_not_asked_about(inputs):
    pairs, _ = multi_angle(inputs(validation=pd.DataFrame({"image_id": ["m3"]})))
    assert set(pairs["image_id"]) == {"m1", "m2"}


def test_a_question_that_is_asked_of_two_views_is_one_question(inputs):
    pairs, _ = multi_angle(inputs())
    color = pairs[pairs["question"].str.contains("color")]
    assert len(color) == 3 and color["group"].nunique() == 1
