"""What holds for every metric that a model computes, whatever the texts."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation import score
from vqatune.evaluation.metrics import METRICS

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_FEW = settings(max_examples=4, deadline=None, derandomize=True, database=None)
_WORD = st.sampled_from(["red", "Red", "the", "2,5", "?", "été", "chairs", "[SEP]", "</s>"]) | st.text(
    max_size=5
)
_TEXT = st.lists(_WORD, max_size=5).map(" ".join)
_REFERENCES = st.lists(_TEXT, min_size=1, max_size=4)
_MODELS = [name for name, metric in METRICS.items() if metric.group in ("bertscore", "sbert", "bartscore")]


@pytest.fixture(scope="module")
def scored(tmp_path_factory, tiny_params) -> Callable[..., pd.DataFrame]:
    """A function of predictions and references: the scores by models, a row a pair."""
    folder = tmp_path_factory.mktemp("bart")
    golden_models.make_tiny_bart(folder)
    params = golden_models.with_bart(folder)

    def scores(predictions, references, compute=tiny_params.compute) -> pd.DataFrame:
        frame = pd.DataFrame({"prediction": predictions, "references": references})
        return score(frame, _MODELS, params=params, compute=compute).pairs[_MODELS]

    return scores


@_FEW
@given(pairs=st.lists(st.tuples(_TEXT, _REFERENCES), min_size=1, max_size=4))
def test_a_score_by_models_lies_in_its_metric_s_range(pairs, scored):
    values = scored(*map(list, zip(*pairs, strict=True)))
    for name in _MODELS:
        assert values[name].between(METRICS[name].lowest, METRICS[name].highest).all()


@pytest.fixture(scope="module")
def together(scored) -> tuple[list[str], list[str], pd.DataFrame]:
    """Predictions and references of several lengths, and their scores."""
    words = ["red", "dark", "sofa", "été", "2,5", "off-white", "كرسي", "🪑"]
    predictions = [" ".join(words[place % 8 :][: 1 + place % 5]) for place in range(25)]
    references = [" ".join(words[: 1 + place % 7]) for place in range(25)]
    return predictions, references, scored(predictions, references)


def test_a_score_by_models_has_the_same_bits_alone_in_any_company_and_with_any_threads(
    scored, together, tiny_params
):
    predictions, references, first = together
    assert tiny_params.compute.threads == 1
    compute = tiny_params.compute.model_copy(update={"threads": 2})
    before = torch.get_num_threads()
    try:
        order = sorted(range(25), key=lambda place: place * 7 % 25)
        moved = scored([predictions[n] for n in order], [references[n] for n in order], compute)
        assert moved.to_numpy().tolist() == first.to_numpy()[order].tolist()
        for place in (4, 24):
            alone = scored([predictions[place]], [references[place]], compute)
            assert alone.to_numpy().tolist() == first.to_numpy()[[place]].tolist()
    finally:
        torch.set_num_threads(before)


def test_case_and_white_space_do_not_matter_to_models(scored):
    plain_and_not = scored(["dark red sofa", "  DARK\tRed\n sofa "], ["Red  sofa", "red sofa"])
    assert plain_and_not.nunique().tolist() == [1] * len(_MODELS)


@_FEW
@given(prediction=_TEXT, references=_REFERENCES)
def test_several_references_score_the_best_of_them_by_models(prediction, references, scored):
    values = scored([prediction] * (1 + len(references)), [references, *references])
    assert values.iloc[0].tolist() == values.iloc[1:].max().tolist()


@pytest.mark.parametrize("pair", [("red", "red"), ("", "red"), ("red", ""), ("", "")])
def test_a_model_that_writes_finds_no_text_certain(pair, scored):
    assert scored(*([text] for text in pair))["bartscore"].item() < 0
