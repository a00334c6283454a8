import pandas as pd
import pytest

from vqatune.evaluation.predict import predict
from vqatune.training.loop import train_version


@pytest.fixture(scope="module")
def ask(tiny_params, tiny_base, pairs, places, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "v1"
    train_version(tiny_params, "v1", tiny_base, None, pairs, places, folder)

    def run(chosen: pd.DataFrame, images_per_step: int = 3, adapter=folder) -> pd.DataFrame:
        stepped = tiny_params.predict.model_copy(update={"images_per_step": images_per_step})
        params = tiny_params.model_copy(update={"predict": stepped})
        return predict(params, "v1", tiny_base, adapter, chosen, places)

    return run


def test_every_pair_gets_an_answer_and_its_log_probability(ask, pairs):
    answers = ask(pairs)
    assert sorted(answers["qa_id"]) == sorted(pairs["qa_id"])
    assert (answers["log_probability"] <= 0).all()
    assert answers["prediction"].str.len().gt(0).any()


def test_neither_the_order_of_the_rows_nor_the_size_of_a_step_changes_an_answer(ask, pairs):
    expected = ask(pairs)
    shuffled = ask(pairs.sample(frac=1, random_state=3), images_per_step=5)
    pd.testing.assert_frame_equal(shuffled, expected, atol=1e-4)
    assert shuffled["prediction"].tolist() == expected["prediction"].tolist()


def test_the_base_model_answers_without_an_adapter(ask, pairs):
    base = ask(pairs, adapter=None)
    assert len(base) == len(pairs)
    assert base["log_probability"].tolist() != ask(pairs)["log_probability"].tolist()
