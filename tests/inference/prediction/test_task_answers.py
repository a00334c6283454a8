import pandas as pd
import pytest
from task_pairs import task_pairs

from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.prediction.predict import predict
from vqatune.loading.archive import read_bytes


@pytest.fixture(scope="module")
def tasks(pairs) -> pd.DataFrame:
    return task_pairs(pairs)


@pytest.fixture(scope="module")
def predictions(tiny_params, tiny_base, pairs, places, tasks) -> pd.DataFrame:
    return predict(tiny_params, "base", tiny_base, None, pairs, places, tasks=tasks).set_index("qa_id")


def test_what_is_asked_again_is_answered_again_and_the_test_set_is_as_without_tasks(
    tiny_params, tiny_base, pairs, places, predictions
):
    alone = predict(tiny_params, "base", tiny_base, None, pairs, places).set_index("qa_id")
    pd.testing.assert_frame_equal(predictions.loc[alone.index], alone)
    again = predictions.loc["asked-" + pairs["qa_id"]]
    assert again["prediction"].tolist() == predictions.loc[pairs["qa_id"], "prediction"].tolist()
    assert again["grounding"].isna().all()


def test_the_most_probable_choice_is_the_answer(tiny_base, pairs, places, predictions, tiny_params):
    answerer = Answerer(tiny_base, compute=tiny_params.compute)
    by_image = places.set_index("image_id")
    for row in pairs.head(6).itertuples(index=False):
        place = by_image.loc[row.image_id]
        picture = read_bytes(place["archive"], place["offset"], place["length"])
        best = answerer.rank(picture, row.question, ["red", "3", "yes", "blue"])[0]
        chosen = predictions.loc[f"chosen-{row.qa_id}"]
        assert (chosen["prediction"], chosen["log_probability"]) == (
            best.answer,
            pytest.approx(best.log_probability, abs=1e-4),
        )


def test_a_picture_that_does_not_open_has_no_choice(tiny_params, tiny_base, pairs, places, tasks):
    damaged = places.assign(length=places["length"].where(places["image_id"] != "image02", 30))
    found = predict(tiny_params, "base", tiny_base, None, pairs, damaged, tasks=tasks).set_index("qa_id")
    lost = found.index.str.startswith("chosen-image02")
    assert lost.any() and (found.loc[lost, "prediction"] == "").all()
    assert found.loc[lost, "log_probability"].isna().all()
    assert found.loc[found.index.str.startswith("chosen-") & ~lost, "log_probability"].notna().all()


def test_without_any_task_nothing_is_asked(tiny_params, tiny_base, pairs, places, tasks):
    found = predict(tiny_params, "base", tiny_base, None, pairs, places, tasks=tasks[:0])
    assert sorted(found["qa_id"]) == sorted(pairs["qa_id"])
