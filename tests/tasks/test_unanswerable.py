from vqatune.params import TasksParams
from vqatune.tasks.unanswerable import unanswerable


def test_what_only_the_text_says_is_asked_about_one_picture_of_each_listing(inputs):
    pairs, left_out = unanswerable(inputs())
    found = pairs.set_index(["item_id", "attribute"])["answer"].to_dict()
    assert found == {
        ("mug", "brand"): "Tidemark",
        ("mug", "item_weight"): "2.5 pounds",
        ("hat", "brand"): "Pine Street",
        ("coin", "creator"): "Ada Moss",
    }
    assert pairs.groupby("item_id")["image_id"].nunique().eq(1).all()
    assert left_out == {"answers_too_long": 1, "without_templates": 0}


def test_no_more_questions_than_wanted(inputs):
    few, _ = unanswerable(inputs(params=TasksParams(questions=2)))
    all_, _ = unanswerable(inputs())
    assert len(few) == 2 and set(few["qa_id"]) < set(all_["qa_id"])


def test_a_listing_in_a_language_without_templates_is_counted(inputs):
    made = inputs()
    pairs, left_out = unanswerable(inputs(test=made.test.assign(language="tlh")))
    # What has no language of its own is in the listing's, in which nothing can be asked.
    assert pairs.empty and left_out["without_templates"] == 2
