import math

import pytest
import torch
from tiny_families import tiny_model

from vqatune.inference.answering.answer import AskedQuestion
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.asked_questions import answer_each
from vqatune.inference.answering.likeliest import likeliest_answers, special_ids


@pytest.fixture
def answerer(models, tiny_params) -> Answerer:
    """A version that nearly always ends an answer at once, or writes a special token."""
    answerer = Answerer(models / "v2", compute=tiny_params.compute)
    tokenizer = answerer.encoder.processor.tokenizer
    likely = [tokenizer.sep_token_id, *tokenizer.convert_tokens_to_ids(["[PAD]", "[CLS]", "[UNK]", "[ENC]"])]
    decoder = next(part for name, part in answerer.model.named_modules() if name.endswith("text_decoder"))
    with torch.no_grad():
        decoder.cls.predictions.decoder.bias[likely] += 12
    return answerer


def test_neither_blanks_nor_special_tokens_are_among_the_likeliest_answers(answerer, contents):
    picture = answerer.picture(contents["image00"])
    batch = answerer.batch(picture, [1], ["what color is it?"])
    [(found, _)] = likeliest_answers(answerer, batch, 5)
    texts = [text for text, _ in found]
    assert len(set(texts)) == 5 and all(text and "[" not in text for text in texts)
    # Probabilities are those among all that the model may write.
    assert sum(math.exp(value) for _, value in found) < 0.01
    [[answers]] = answer_each(answerer, [picture], [[AskedQuestion("what color is it?", None, 5)]])
    assert [answer.answer for answer in answers] == texts
    # One answer is that of the predict stage, whatever it is.
    [[alone]] = answer_each(answerer, [picture], [[AskedQuestion("what color is it?")]])
    assert alone == answerer.ask(contents["image00"], "what color is it?")


def test_special_tokens_are_those_that_stand_for_no_text(answerer):
    blip, other = answerer.encoder.processor.tokenizer, tiny_model("idefics3")[1].processor.tokenizer
    for tokenizer, expected in ((blip, {"[PAD]", "[CLS]", "[SEP]", "[DEC]"}), (other, {"<image>"})):
        special = special_ids(tokenizer)
        assert expected <= set(tokenizer.convert_ids_to_tokens(special)) and tokenizer.pad_token_id in special
        words = tokenizer("a red cup [x] (3)", add_special_tokens=False).input_ids
        assert not set(words) & set(special) - {tokenizer.unk_token_id}
