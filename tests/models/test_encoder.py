"""Questions in other words than a family's own."""

import copy
import pickle

import pytest
import torch
from golden_pictures import draw_pictures
from tiny_families import STOCK, prompt_ids, tiny_model
from tiny_rankers import RANKERS, tiny_ranker

from vqatune.errors import ParameterError
from vqatune.inference.prediction.decoding import answer_log_probabilities, greedy_answers
from vqatune.models.encoder import Encoder, in_words
from vqatune.models.families import blip
from vqatune.models.packing import pack_batch
from vqatune.params import TinyParams

PROMPT = "Look at it, and say: {question}\nIn one word, it is"
QUESTIONS = ["What color is it?", "two stars", "Is it striped?"]
ANSWERS = ["red", "two", "no"]
KINDS = [*STOCK, *RANKERS, "blip"]


def _tiny(kind: str):
    """Return a model that may be changed, and its encoder."""
    if kind == "blip":
        torch.manual_seed(0)
        tiny = TinyParams(image_size=32, patch_size=8, hidden_size=32, layers=1, heads=2)
        model, processor = blip.make_untrained([*QUESTIONS, *ANSWERS, PROMPT], 300, tiny)
        return model.eval(), Encoder("blip", processor)
    model, encoder = tiny_ranker(kind) if kind in RANKERS else tiny_model(kind)
    return copy.copy(model), encoder


def _ids(encoder: Encoder) -> list[list[list[int]]]:
    return [encoder.questions(QUESTIONS), encoder.answers(ANSWERS)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_familys_own_words_change_nothing(kind):
    model, encoder = _tiny(kind)
    own = in_words(model, encoder, encoder.family.WORDING)
    assert _ids(own) == _ids(encoder)
    assert getattr(model, "answer_start", 0) == getattr(_tiny(kind)[0], "answer_start", 0)


@pytest.mark.parametrize("kind", STOCK)
def test_ids_in_other_words_are_those_of_the_stock_tokenizer_for_the_whole_text(kind):
    model, encoder = _tiny(kind)
    asked = in_words(model, encoder, PROMPT)
    picture, processor = encoder.images(draw_pictures()[:1]), encoder.processor
    prompt = encoder.family.prompt_of(processor)
    for question, ids, answer in zip(QUESTIONS, *_ids(asked), strict=True):
        text = PROMPT.format(question=question)
        own = prompt_ids(model, picture, ids, answer)
        if model.config.is_encoder_decoder:
            expected = processor(images=draw_pictures()[:1], text=[text], return_tensors="pt").input_ids[0]
            assert own == expected.tolist() and asked.answers([question]) == encoder.answers([question])
            continue
        answered = ANSWERS[QUESTIONS.index(question)]
        text = f"{prompt.frame.replace('{}', text)}{prompt.space}{answered}"
        if kind.startswith("qwen"):
            tokens = int((picture.tensors["prefix"] == model.config.image_token_id).sum())
            expected = processor.tokenizer(text.replace(prompt.image, prompt.image * tokens)).input_ids
        else:
            made = processor(images=draw_pictures()[:1], text=[text], return_tensors="pt")
            expected = made.input_ids[0].tolist()
        assert [*own, *answer[1:-1]] == expected
        assert answer[0] == model.answer_start


@pytest.mark.parametrize("kind", [*RANKERS, "blip"])
def test_a_family_without_words_reads_the_question_in_them(kind):
    model, encoder = _tiny(kind)
    # A tiny SigLIP reads no more than 16 tokens of a question.
    prompt = "Say: {question}" if kind == "siglip" else PROMPT
    asked = in_words(model, encoder, f"\n{prompt} ")
    texts = [prompt.format(question=question) for question in QUESTIONS]
    assert _ids(asked) == [encoder.questions(texts), encoder.answers(ANSWERS)]
    if kind in ("clip", "siglip"):
        whole = [f"{text} {answer}" for text, answer in zip(texts, ANSWERS, strict=True)]
        each = zip(*_ids(asked), strict=True)
        assert [[*ids, *answer] for ids, answer in each] == encoder.processor.tokenizer(whole).input_ids
        assert _ids(in_words(model, encoder, prompt + " {answer}")) == _ids(asked)


@pytest.mark.parametrize("kind", STOCK)
def test_answers_in_other_words_are_those_of_one_question_at_a_time(kind):
    model, encoder = _tiny(kind)
    asked = in_words(model, encoder, PROMPT)
    pictures, (questions, answers) = asked.images(draw_pictures()[:2]), _ids(asked)
    batch = pack_batch(pictures, [2, 1], questions, answers)
    together, written = answer_log_probabilities(model, batch), greedy_answers(model, batch, 4)[0]
    usual = pack_batch(pictures, [2, 1], *_ids(encoder))
    assert not torch.allclose(together, answer_log_probabilities(_tiny(kind)[0], usual), atol=1e-3)
    for pair, image in enumerate([0, 0, 1]):
        picture, answer = pictures.select(image, image + 1), answers[pair]
        ids = prompt_ids(model, picture, questions[pair], answer)
        encodes = model.config.is_encoder_decoder
        whole = torch.tensor([ids if encodes else [*ids, *answer[1:]]])
        labels = torch.tensor([answer[1:] if encodes else [-100] * len(ids) + answer[1:]])
        with torch.no_grad():
            loss = model(input_ids=whole, labels=labels, **STOCK[kind](picture, whole, model)).loss
        torch.testing.assert_close(together[pair], -loss * (len(answer) - 1), rtol=1e-5, atol=1e-5)
        alone = greedy_answers(model, pack_batch(picture, [1], [questions[pair]]), 4)[0][0]
        assert torch.equal(written[pair][: len(alone)], alone)


@pytest.mark.parametrize("kind", STOCK)
def test_a_long_question_is_truncated_and_other_words_around_it_are_not(kind):
    model, encoder = _tiny(kind)
    asked = in_words(model, encoder, PROMPT)
    [cut], [short], [none] = (asked.questions([text]) for text in ("red " * 300, "red", ""))
    assert asked.too_long(["red " * 300, "red"]) == ["red " * 300]
    assert len(cut) <= len(none) + 128 + 1
    assert cut[:3] == short[:3] and cut[-4:] == short[-4:]


@pytest.mark.parametrize("kind", ["llava", "blip-2 t5", "clip", "blip"])
def test_other_words_go_to_other_processes_and_into_no_file(kind, tmp_path):
    model, encoder = _tiny(kind)
    _ids(encoder)  # A tokenizer keeps how it last truncated, and writes that.
    for _ in range(2):  # transformers notes in a processor that it was saved.
        encoder.family.save_checkpoint(model, encoder.processor, tmp_path / "before", "[ENC]")
    asked = in_words(model, encoder, PROMPT)
    assert _ids(pickle.loads(pickle.dumps(asked))) == _ids(asked)
    asked.family.save_checkpoint(model, asked.processor, tmp_path / "after", "[ENC]")
    files = {path.name: path.read_bytes() for path in (tmp_path / "before").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()}


@pytest.mark.parametrize(
    ("kind", "prompt", "says"),
    [
        *((kind, "What is it?", "must have {question} in it once") for kind in KINDS),
        ("llava", "{} {question}", "no other braces: such as '{question}\\nAnswer"),
        ("llava", "{question} {question}", "once"),
        ("llava", "{question} {answer}", "no other braces"),
        ("clip", "{answer} {question}", "no other braces: such as '{question} {answer}'"),
        ("llava", "<image>{question} Short:", "holds <image>, a special token of this model"),
        ("blip-2 t5", "{question} </s>", "holds </s>, a special token of this model"),
        ("blip-2", "Question: {question}", "has no words behind its question"),
        ("blip-2", "{question}!", "has no words behind its question"),
    ],
)
def test_a_prompt_that_cannot_be_asked_in_is_one_line_and_changes_nothing(kind, prompt, says):
    model, encoder = _tiny(kind)
    before = getattr(model, "answer_start", None)
    with pytest.raises(ParameterError) as caught:
        in_words(model, encoder, prompt)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert getattr(model, "answer_start", None) == before


@pytest.mark.parametrize("kind", ["llava", "idefics3", "qwen2_5_vl"])
def test_a_chat_may_end_with_its_question(kind):
    model, encoder = _tiny(kind)
    asked = in_words(model, encoder, "{question}")
    [ids], [answer] = asked.questions(["red"]), asked.answers(["two"])
    assert answer[0] == model.answer_start and len(ids) > 1
