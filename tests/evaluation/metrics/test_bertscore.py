"""BERTScore: bert-score's numbers, whatever is remembered and however pairs are put together."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vqatune.errors import ModelError
from vqatune.evaluation.metrics.bertscore import bertscore
from vqatune.evaluation.metrics.encoders import TokenEncoder
from vqatune.evaluation.metrics.model_sources import Source, find_model

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_CPU = torch.device("cpu")
_SIGNS = """
    red dark blue sofa couch leather chair off-white 2,5 été ß كرسي 🪑 [sep] [SEP] [PAD] [CLS] [MASK] </s> the a wooden
    table ? stainless steel 漢字 מיטה ☃ \u200b unbelievablenesses 1.234,5
"""
_LENGTHS = [1, 1, 1, 2, 2, 3, 4, 6, 10, 20]
_LONGER = "dark red sofa " * 40
_BELOW_ZERO = ("?", "blue chair blue dark 2,5 [sep] sofa a dark red a sofa sofa dark dark 漢字")
"""A token of the reference is unlike every token of the prediction."""


def _by_library(pairs: list[tuple[str, str]]) -> np.ndarray:
    predictions, references = map(list, zip(*pairs, strict=True))
    scores = golden_models.bert_scorer().score(predictions, references)
    return torch.stack(scores, 1).double().numpy()


@pytest.fixture(scope="module")
def embedded() -> TokenEncoder:
    return TokenEncoder(find_model("embedded", None), golden_models.LAYER, _CPU)


def _score(encoder: TokenEncoder, pairs: list[tuple[str, str]]) -> np.ndarray:
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    return bertscore(pairs, dict(zip(texts, encoder.encode(texts), strict=True)))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    draw = random.Random(3)
    texts = [" ".join(draw.choices(_SIGNS.split(), k=draw.choice(_LENGTHS))) for _ in range(600)]
    return [_BELOW_ZERO, *zip(texts[::2], texts[1::2], strict=True)]


def _counts(text: str) -> bool:
    """Whether the tokenizer leaves more of a text than ends of texts."""
    return bool(set(text.split()) - {"[SEP]", "[CLS]", "\u200b"})


def test_many_pairs_score_what_one_batch_of_bert_score_gives(embedded, pairs):
    pairs = pairs[::12]
    # Beside a longer text the others are padded, so that no match is below the padding's 0.
    expected = _by_library([*pairs, (_LONGER, _LONGER)])[:-1]
    scores = _score(embedded, pairs)
    counted = np.array([_counts(prediction) and _counts(reference) for prediction, reference in pairs])
    assert counted.sum() > 20 and not counted.all()
    np.testing.assert_allclose(scores[counted], expected[counted], rtol=0, atol=1e-5)
    assert not scores[~counted].any()


def test_a_pair_scores_what_bert_score_gives_it_alone(embedded, pairs):
    some = [pair for pair in pairs if all(map(_counts, pair)) and max(map(len, pair)) < 40][:15]
    alone = np.concatenate([_by_library([pair]) for pair in some])
    np.testing.assert_allclose(_score(embedded, some), alone, rtol=0, atol=1e-5)


def test_a_similarity_below_zero_counts_as_zero(embedded):
    # As it does in bert-score where there is padding, and does not where there is none.
    alone, beside = _by_library([_BELOW_ZERO])[0], _by_library([_BELOW_ZERO, (_LONGER, _LONGER)])[0]
    assert alone[1] < beside[1] - 1e-4
    assert _score(embedded, [_BELOW_ZERO])[0] == pytest.approx(beside, abs=1e-5)


def test_in_a_gpus_precision_scores_are_near_and_depend_on_no_company(embedded, pairs):
    # bfloat16 is slow without the processor's own instructions for it: a few short texts.
    pairs = [pair for pair in pairs if max(map(len, pair)) < 25][:5]
    coarse = TokenEncoder(find_model("embedded", None), golden_models.LAYER, _CPU, torch.bfloat16)
    scores, exact = _score(coarse, pairs), _score(embedded, pairs)
    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()
    assert 1e-5 < np.abs(scores - exact).max() < 0.01
    order = random.Random(1).sample(range(len(pairs)), len(pairs))
    assert (_score(coarse, [pairs[place] for place in order]) == scores[order]).all()
    assert np.concatenate([_score(coarse, [pair]) for pair in pairs[:2]]).tolist() == scores[:2].tolist()


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("red " * 509 + "sofa", "red " * 600),
        ("x" * 10_000, "red"),
    ],
)
def test_a_text_of_more_than_512_tokens_is_cut_as_bert_score_cuts_it(embedded, prediction, reference):
    expected = _by_library([(prediction, reference)])[0].clip(0)
    assert _score(embedded, [(prediction, reference)])[0] == pytest.approx(expected, abs=1e-5)


def test_what_lies_behind_the_512th_token_is_not_read(embedded):
    # Both ends count as tokens.
    read, unread = _score(
        embedded, [("red " * 509 + "sofa", "red " * 510), ("red " * 510 + "sofa", "red " * 510)]
    )
    assert unread == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    assert read[0] < 1 - 1e-4


@pytest.mark.parametrize("text", ["\x00", "\u200b", "[SEP]", "[CLS] [SEP]"])
def test_a_text_of_which_no_token_counts_scores_zero(embedded, text):
    assert _score(embedded, [(text, "red"), ("red", text), (text, text)]).tolist() == [[0.0] * 3] * 3


def _tiny_roberta(folder: Path) -> None:
    """Write a RoBERTa of three layers, whose tokens depend on the space before a word."""
    from tokenizers import pre_tokenizers
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    signs = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        *sorted(pre_tokenizers.ByteLevel.alphabet()),
        "<mask>",
        "Ġr",
        "re",
    ]
    vocabulary = {token: place for place, token in enumerate(signs)}
    RobertaTokenizer(vocabulary, [("Ġ", "r"), ("r", "e")], model_max_length=40).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(signs),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=42,
        initializer_range=0.5,
    )
    torch.manual_seed(5)
    RobertaModel(config).save_pretrained(folder)


@pytest.mark.parametrize("layer", [1, 3])
def test_a_model_in_a_folder_scores_what_bert_score_gives(tmp_path, layer):
    from bert_score import BERTScorer

    _tiny_roberta(tmp_path)
    scorer = BERTScorer(model_type=str(tmp_path), num_layers=layer, idf=False, device="cpu")
    pairs = [("red", "dark red"), ("red sofa " * 20, "red"), ("é 🪑", "table"), ("a", "b")]
    # A longer text beside each, as above.
    expected = [torch.stack(scorer.score([ours, _LONGER], [theirs, _LONGER]), 1)[0] for ours, theirs in pairs]
    scores = _score(TokenEncoder(find_model(str(tmp_path), None), layer, _CPU), pairs)
    np.testing.assert_allclose(scores, torch.stack(expected).numpy(), rtol=0, atol=1e-5)
    assert np.ptp(scores) > 0.1


def test_where_a_model_lies_changes_no_score(embedded, tmp_path):
    # bert-score would take it for a T5 and give it random weights.
    folder = tmp_path / "project5" / "scibert"
    shutil.copytree(golden_models.embedded(), folder)
    pairs = [("red", "blue"), ("dark red sofa", "a red couch")]
    moved = TokenEncoder(find_model(str(folder), None), golden_models.LAYER, _CPU)
    assert _score(moved, pairs).tolist() == _score(embedded, pairs).tolist()


def test_a_layer_that_the_model_does_not_have_is_one_clear_line():
    source = Source(Path(golden_models.embedded()), "embedded")
    with pytest.raises(
        ModelError, match="eval.bertscore.layer is 7, but .* has 6 layers: set it lower"
    ) as raised:
        TokenEncoder(source, 7, _CPU)
    assert "\n" not in str(raised.value)
