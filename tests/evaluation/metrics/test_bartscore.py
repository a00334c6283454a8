"""BARTScore by a tiny BART: transformers' own losses, whatever else is scored, and none by another model."""

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vqatune.evaluation import score
from vqatune.evaluation.metrics.bartscore import Bartscore
from vqatune.evaluation.metrics.model_sources import find_model

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_SIGNS = "red dark blue sofa off-white 2,5 été ß كرسي 🪑 </s> <pad> <s> <unk> the ? 漢字 \x00 x"


@pytest.fixture(scope="module")
def model(bart) -> Bartscore:
    return Bartscore(find_model(str(bart), None), torch.device("cpu"))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    draw = random.Random(7)
    texts = [
        " ".join(draw.choices(_SIGNS.split(" "), k=draw.choice([1, 1, 2, 3, 5, 30]))) for _ in range(400)
    ]
    # As the metric has them: in their plain form.
    return list(zip(map(golden_models.plain, texts[::2]), map(golden_models.plain, texts[1::2]), strict=True))


def test_hundreds_of_pairs_score_what_transformers_gives_each_unpadded(model, bart, pairs):
    expected = [golden_models.bart_log_likelihood(*pair, bart) for pair in pairs]
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(model.score(pairs)[:, 0], expected, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize(
    "pair", [("", "red"), ("red", ""), ("", ""), ("red " * 90, "x"), ("x", "blue " * 90)]
)
def test_an_empty_or_a_long_side_has_a_score(model, bart, pair):
    value = model.score([pair]).item()
    assert np.isfinite(value) and value <= 0
    assert value == pytest.approx(golden_models.bart_log_likelihood(*pair, bart), rel=2e-6, abs=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_score_has_the_same_bits_alone_and_in_any_company(model, pairs, threads):
    together = model.score(pairs)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        order = random.Random(1).sample(range(len(pairs)), len(pairs))
        assert (model.score([pairs[place] for place in order]) == together[order]).all()
        assert [model.score([pair]).item() for pair in pairs[:20]] == together[:20, 0].tolist()
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_in_a_gpus_precision_scores_are_near_and_depend_on_no_company(model, bart, pairs):
    coarse = Bartscore(find_model(str(bart), None), torch.device("cpu"), torch.bfloat16)
    scores, exact = coarse.score(pairs), model.score(pairs)
    assert np.isfinite(scores).all() and (scores <= 0).all()
    relative = np.abs(scores / exact - 1)
    assert 1e-5 < relative.max() < 0.02
    order = random.Random(1).sample(range(len(pairs)), len(pairs))
    assert (coarse.score([pairs[place] for place in order]) == scores[order]).all()
    assert [coarse.score([pair]).item() for pair in pairs[:20]] == scores[:20, 0].tolist()


def test_the_best_reference_counts(bart, tiny_params):
    params = golden_models.with_bart(bart)
    references = ["blue", "red", "", "dark red sofa"]
    frame = pd.DataFrame({"prediction": ["red"] * 5, "references": [references, *references]})
    values = score(frame, ["bartscore"], params=params, compute=tiny_params.compute).pairs["bartscore"]
    assert values[0] == max(values[1:]) > min(values[1:])


def test_another_model_in_the_same_place_gives_its_own_scores(bart, tmp_path, tiny_params):
    folder, store = tmp_path / "model", tmp_path / "scores"
    params = golden_models.with_bart(folder)
    frame = pd.DataFrame({"prediction": ["red", "dark red"], "references": ["blue", "red"]})

    def scores(store: Path | None) -> list[float]:
        scored = score(frame, ["bartscore"], params=params, compute=tiny_params.compute, store=store)
        return scored.pairs["bartscore"].tolist()

    shutil.copytree(bart, folder)
    first = scores(store)
    shutil.rmtree(folder)
    golden_models.make_tiny_bart(folder, seed=14)
    second = scores(store)
    assert first != second == scores(None)
    shutil.rmtree(folder)
    shutil.copytree(bart, folder)
    assert scores(store) == first
    assert len(list(store.glob("bartscore-*.sqlite"))) == 2


def test_a_model_without_a_last_position_scores_too(bart, tmp_path):
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=260, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=1
    )
    AutoTokenizer.from_pretrained(bart).save_pretrained(tmp_path)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    t5 = Bartscore(find_model(str(tmp_path), None), torch.device("cpu"))
    assert (t5.score([("red", "blue"), ("", "red")]) < 0).all()
