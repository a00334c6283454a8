"""The reference: BLIP in a plain training and inference loop, in which every question is its own sample.

Each sample has its own image, which is encoded again for each question; questions are padded to 128 tokens and answers
to 10; the model is called through transformers' own `forward` and `generate` on batches of samples. Masks and labels
are correct, at no cost in time: padding is not in the loss, and questions start with [ENC]. As it shares our model, it
also benefits from frozen weights in the compute precision and from the faster dropout.
"""

import torch
from torch import Tensor
from transformers import BlipForQuestionAnswering

from setting import Workload

QUESTION_TOKENS, ANSWER_TOKENS = 128, 10
IGNORED = -100

Samples = dict[str, Tensor]
"""Arguments of `BlipForQuestionAnswering.forward`."""


def make_samples(workload: Workload, size: int, device: str) -> list[Samples]:
    """Return batches of at most `size` samples, on a device; every sample holds its own copy of the image."""
    image = torch.arange(len(workload.counts)).repeat_interleave(torch.tensor(workload.counts))
    question, question_mask = _padded(workload.questions, QUESTION_TOKENS)
    answer, answer_mask = _padded(workload.answers, ANSWER_TOKENS)
    whole = {
        "input_ids": question,
        "attention_mask": question_mask,
        "decoder_input_ids": answer,
        "decoder_attention_mask": answer_mask,
        "labels": answer.masked_fill(answer_mask == 0, IGNORED),
    }
    parts = [slice(start, start + size) for start in range(0, len(image), size)]
    return [
        {name: tensor[part].to(device) for name, tensor in whole.items()}
        | {"pixel_values": workload.pictures.tensors["pixel_values"][image[part]].to(device)}
        for part in parts
    ]


def reference_loss(model: BlipForQuestionAnswering, samples: Samples) -> Tensor:
    """Return the mean loss over the tokens of the samples' answers, a scalar."""
    return model(**samples).loss


def reference_answers(model: BlipForQuestionAnswering, samples: Samples) -> Tensor:
    """Return greedy answers of at most 10 tokens, ids after [DEC] of shape (samples, tokens), padded after [SEP]."""
    inputs = {name: samples[name] for name in ("input_ids", "attention_mask", "pixel_values")}
    return model.generate(**inputs, max_new_tokens=ANSWER_TOKENS, do_sample=False)[:, 1:]


def without_padding(samples: Samples) -> Samples:
    """Return one sample with its question cut to its length.

    transformers' decoder does not get the question's mask, so answers attend to the question's padding, which changes
    losses and answers.
    """
    length = int(samples["attention_mask"].sum())
    cut = {name: samples[name][:, :length] for name in ("input_ids", "attention_mask")}
    return samples | cut


def _padded(texts: list[list[int]], width: int) -> tuple[Tensor, Tensor]:
    ids, mask = (torch.zeros(len(texts), width, dtype=torch.int64) for _ in range(2))
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask
