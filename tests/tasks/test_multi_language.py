from vqatune.tasks.multi_language import multi_language


def test_what_two_languages_say_of_the_same_thing_is_asked_in_both(inputs):
    pairs, _ = multi_language(inputs())
    mug = pairs[(pairs["image_id"] == "m1") & (pairs["attribute"] == "color")]
    assert dict(zip(mug["language"], mug["answer"], strict=True)) == {"en_US": "red", "de_DE": "Rot"}
    assert mug["group"].nunique() == 1 and mug["question"].nunique() == 2
    # German says nothing of the pattern, and another material.
    assert set(pairs.loc[pairs["item_id"] == "mug", "attribute"]) == {"color", "object"}


def test_a_field_that_the_templates_do_not_read_keeps_its_words(inputs):
    pairs, _ = multi_language(inputs())
    coin = pairs[(pairs["image_id"] == "c1") & (pairs["attribute"] == "material")]
    assert set(coin["answer"]) == {"gilded bronze", "vergoldete Bronze"}


def test_a_listing_in_one_language_is_not_asked_about(inputs):
    pairs, left_out = multi_language(inputs())
    assert "hat" not in set(pairs["item_id"]) and left_out["in_one_language"] > 0
