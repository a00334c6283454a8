"""The cosine of sentence embeddings: sentence-transformers' numbers, however texts are put together."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from vqatune.evaluation.metrics.encoders import SentenceEncoder
from vqatune.evaluation.metrics.model_sources import find_model
from vqatune.evaluation.metrics.sbert import sbert_cosine

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_SIGNS = "red dark blue sofa off-white 2,5 été ß كرسي 🪑 [SEP] [PAD] [CLS] </s> the ? 漢字 \x00 \u200b stainless steel"


@pytest.fixture(scope="module")
def embedded() -> SentenceEncoder:
    return SentenceEncoder(find_model("embedded", None), torch.device("cpu"))


def _score(encoder: SentenceEncoder, pairs: list[tuple[str, str]]) -> np.ndarray:
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    return sbert_cosine(pairs, dict(zip(texts, encoder.encode(texts), strict=True)))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    draw = random.Random(11)
    texts = [" ".join(draw.choices(_SIGNS.split(" "), k=draw.choice([1, 1, 2, 3, 5, 20]))) for _ in range(40)]
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_many_pairs_score_what_sentence_transformers_gives(embedded, pairs):
    from sentence_transformers.util import pairwise_cos_sim

    encode = golden_models.sentence_encoder().encode
    ours, theirs = (encode(list(texts), show_progress_bar=False) for texts in zip(*pairs, strict=True))
    expected = pairwise_cos_sim(ours, theirs).numpy()
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(_score(embedded, pairs)[:, 0], expected, rtol=0, atol=1e-5)


def test_in_a_gpus_precision_scores_are_near_and_depend_on_no_company(embedded, pairs):
    # bfloat16 is slow without the processor's own instructions for it: a few short texts.
    pairs = [pair for pair in pairs if max(map(len, pair)) < 25][:4]
    coarse = SentenceEncoder(find_model("embedded", None), torch.device("cpu"), torch.bfloat16)
    asked = [*pairs, *[(ours, ours) for ours, _ in pairs[:1]]]
    scores, exact = _score(coarse, asked), _score(embedded, asked)
    assert np.isfinite(scores).all() and (np.abs(scores) <= 1).all()
    assert 1e-5 < np.abs(scores - exact).max() < 0.01
    order = random.Random(1).sample(range(len(asked)), len(asked))
    assert (_score(coarse, [asked[place] for place in order]) == scores[order]).all()
    assert [_score(coarse, [pair]).item() for pair in asked[:2]] == scores[:2, 0].tolist()


def test_a_long_text_is_cut_as_sentence_transformers_cuts_it(embedded):
    from sentence_transformers.util import cos_sim

    encode = golden_models.sentence_encoder().encode
    for pair in [("red " * 254 + "sofa", "red"), ("x" * 10_000, "sofa")]:
        assert _score(embedded, [pair]).item() == pytest.approx(cos_sim(*map(encode, pair)).item(), abs=1e-5)
    unread, read = _score(
        embedded, [("red " * 254 + "sofa", "red " * 255), ("red " * 253 + "sofa", "red " * 255)]
    )
    assert unread.item() == pytest.approx(1.0, abs=1e-6)
    assert read.item() < 1 - 1e-4


def test_a_text_of_which_the_tokenizer_leaves_nothing_has_a_score(embedded):
    nothing, something = _score(embedded, [("\x00", "\u200b"), ("\x00", "red")])[:, 0]
    assert nothing == pytest.approx(1.0, abs=1e-6)
    assert -1 <= something < 0.9
