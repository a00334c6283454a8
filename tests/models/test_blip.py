import pytest
import torch
from transformers import BlipConfig, BlipForQuestionAnswering, BlipTextConfig, BlipVisionConfig

from vqatune.models.blip import Batch, greedy_answers, pair_losses

PAD, SEP, DEC, ENC = 0, 3, 58, 59
COUNTS = (3, 1, 5)


@pytest.fixture(scope="module")
def model() -> BlipForQuestionAnswering:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = BlipTextConfig(
        **shape,
        vocab_size=60,
        encoder_hidden_size=32,
        bos_token_id=DEC,
        sep_token_id=SEP,
        pad_token_id=PAD,
        label_smoothing=0.1,
        initializer_range=0.3,
    )
    vision = BlipVisionConfig(**shape, image_size=32, patch_size=8, initializer_range=0.3)
    return BlipForQuestionAnswering(
        BlipConfig(vision_config=vision.to_dict(), text_config=text.to_dict())
    ).eval()


def _padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(width) < lengths[:, None]


@pytest.fixture(scope="module")
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)

    def words(low: int, high: int) -> list[int]:
        length = int(torch.randint(low, high, (1,), generator=generator))
        return torch.randint(5, 58, (length,), generator=generator).tolist()

    questions = _padded([[ENC, *words(2, 9), SEP] for _ in range(sum(COUNTS))])
    answers = _padded([[DEC, *words(1, 4), SEP] for _ in range(sum(COUNTS))])
    pixels = torch.randn(len(COUNTS), 3, 32, 32, generator=generator)
    index = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))
    return Batch(pixels, *questions, index, *answers)


def _alone(batch: Batch, pair: int) -> Batch:
    """One pair in a batch of its own, without padding."""
    question = batch.question_mask[pair].sum()
    answer = batch.answer_mask[pair].sum()
    return Batch(
        batch.pixel_values[batch.image_index[pair]][None],
        batch.question_ids[pair, :question][None],
        batch.question_mask[pair, :question][None],
        torch.zeros(1, dtype=torch.int64),
        batch.answer_ids[pair, :answer][None],
        batch.answer_mask[pair, :answer][None],
    )


def _stock_loss(model: BlipForQuestionAnswering, one: Batch) -> torch.Tensor:
    return model(
        input_ids=one.question_ids,
        pixel_values=one.pixel_values,
        attention_mask=one.question_mask.long(),
        decoder_input_ids=one.answer_ids,
        decoder_attention_mask=one.answer_mask.long(),
        labels=one.answer_ids,
    ).loss


def test_a_pair_has_the_loss_that_transformers_gives_it_alone(model, batch):
    expected = torch.stack([_stock_loss(model, _alone(batch, pair)) for pair in range(sum(COUNTS))])
    torch.testing.assert_close(pair_losses(model, batch), expected, rtol=0, atol=1e-5)


def test_every_gradient_is_that_of_the_pairs_one_by_one(model, batch):
    pair_losses(model, batch).mean().backward()
    grouped = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    for pair in range(sum(COUNTS)):
        (_stock_loss(model, _alone(batch, pair)) / sum(COUNTS)).backward()
    single = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    assert grouped.keys() == single.keys()
    for name, gradient in single.items():
        torch.testing.assert_close(grouped[name], gradient, rtol=1e-5, atol=1e-5, msg=name)


def test_answers_are_those_of_stock_generation_one_at_a_time(model, batch):
    ids, _ = greedy_answers(model, batch, max_tokens=6)
    for pair in range(sum(COUNTS)):
        one = _alone(batch, pair)
        stock = model.generate(
            one.question_ids, one.pixel_values, one.question_mask.long(), max_new_tokens=6, do_sample=False
        )[0, 1:]
        answer = ids[pair]
        assert answer[: len(stock)].tolist() == stock.tolist()
        assert (answer[len(stock) :] == PAD).all()


def test_an_answer_and_its_probability_do_not_depend_on_the_batch(model, batch):
    ids, log_probability = greedy_answers(model, batch, max_tokens=6)
    for pair in range(sum(COUNTS)):
        alone_ids, alone_log_probability = greedy_answers(model, _alone(batch, pair), max_tokens=6)
        width = alone_ids.shape[1]
        assert ids[pair, :width].tolist() == alone_ids[0].tolist()
        torch.testing.assert_close(log_probability[pair], alone_log_probability[0], rtol=0, atol=1e-4)


def test_the_log_probability_is_that_of_the_answer_under_teacher_forcing(model, batch):
    one = _alone(batch, 0)
    ids, log_probability = greedy_answers(model, one, max_tokens=6)
    tokens = int((ids[0] != PAD).sum())
    answer = torch.cat([torch.tensor([[DEC]]), ids[:, :tokens]], 1)
    again = Batch(
        one.pixel_values,
        one.question_ids,
        one.question_mask,
        one.image_index,
        answer,
        torch.ones_like(answer, dtype=bool),
    )
    model.text_decoder.label_smoothing = 0.0
    mean = pair_losses(model, again)[0]
    model.text_decoder.label_smoothing = 0.1
    torch.testing.assert_close(log_probability[0], -mean.detach() * tokens, rtol=0, atol=1e-4)


def test_images_are_encoded_once_whatever_is_asked_of_them(model, batch):
    encoded = []
    handle = model.vision_model.embeddings.register_forward_hook(lambda *call: encoded.append(len(call[2])))
    keys = []
    cross = model.text_encoder.encoder.layer[0].crossattention.self.key
    other = cross.register_forward_hook(lambda *call: keys.append(len(call[2])))
    pair_losses(model, batch)
    handle.remove(), other.remove()
    assert encoded == [len(COUNTS)] and keys == [len(COUNTS)]
