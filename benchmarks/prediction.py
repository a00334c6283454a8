"""The rate of BLIP's answers, beside a plain loop that encodes the image for every question.

    python benchmarks/prediction.py

runs both in turn in one process, on the same model, images and questions: the full architecture with random
weights, 14 questions per image, greedy answers. It measures answers that end after about two tokens, as real ones do
(a word and its end), and answers that all reach the limit of ten. It prints the share of answers that are those of
transformers' own `generate`, pairs per second, their ratio, peak memory, our step over the image encoder's own
forward pass, and how ours grows from 1 to 40 questions an image; with a GPU also images per second and the share of
the card's peak. Images and tokens are in memory; loading is not measured.
"""

import sys
from dataclasses import replace

import torch
from transformers import BlipForQuestionAnswering

from card import card_figures, step_flops
from measuring import Run, compare, growth
from reference import ANSWER_TOKENS, make_samples, reference_answers, without_padding
from report import describe, save, show_card, show_comparison, show_growth
from setting import Setting, Workload, build, make_workload, parse
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.models.families.blip import encode_images
from vqatune.models.packing import to_device
from vqatune.models.prepare import autocast

GROWTH = (1, 2, 5, 10, 14, 20, 40)
REAL_LENGTH = 2
"""Tokens of a real answer: a word and [SEP]."""
NEVER = -1e4


def main() -> None:
    """Check, measure, show."""
    setting, output = parse(__doc__)
    figures = describe("prediction", setting)
    check(replace(setting, small=True, precision="float32"))
    answerers = {
        precision: Answerer(setting, precision)
        for precision in dict.fromkeys([setting.precision, *setting.reference_precisions])
    }
    ours = answerers[setting.precision]
    config = ours.model.config
    workload = make_workload(config, setting.images, setting.questions)
    references = [
        answerers[precision].reference_run(
            make_workload(config, setting.reference_images, setting.questions), size
        )
        for precision in setting.reference_precisions
        for size in setting.reference_batches
    ]
    figures["cases"] = []
    # The shorter answers come last, for the growth below.
    for ends in (NEVER, ours.usual_end(workload)):
        for answerer in answerers.values():
            answerer.end_by(ends)
        encoders = ours.encoder_runs(workload)
        case = compare(references, ours.run(workload), encoders, setting.repeats, setting.device)
        case |= {"images": setting.images, "answer_tokens": ours.mean_length(workload)}
        case["equal_answers"] = equal_answers(ours, make_workload(config, 1, setting.questions))
        title = f"answers of {case['answer_tokens']:.1f} tokens, {setting.questions} questions an image"
        show_comparison(title, case, training=False)
        print(f"{case['equal_answers']:.0%} of answers are those of transformers' generate, one at a time\n")
        if setting.device == "cuda":
            case["card"] = on_card(figures, case, ours, workload)
            show_card(case["card"])
        figures["cases"].append(case)
    runs = {questions: ours.run(make_workload(config, setting.images, questions)) for questions in GROWTH}
    figures["growth"] = growth(runs, setting.repeats, setting.device)
    show_growth(figures["growth"], setting.images)
    save(figures, output)


class Answerer:
    """A model in inference, in one precision."""

    def __init__(self, setting: Setting, precision: str) -> None:
        self.precision, self.device = precision, torch.device(setting.device)
        self.model: BlipForQuestionAnswering = build(setting, precision, merged=True)

    def end_by(self, bias: float) -> None:
        """Set the bias of [SEP] in the output head, which decides how long answers are."""
        with torch.no_grad():
            head = self.model.text_decoder.cls.predictions.decoder
            head.bias[self.model.config.text_config.sep_token_id] = bias

    def usual_end(self, workload: Workload) -> float:
        """Return the bias of [SEP] with which random weights give answers of about REAL_LENGTH tokens."""
        low, high = -5.0, 10.0
        for _ in range(9):
            middle = (low + high) / 2
            self.end_by(middle)
            low, high = (middle, high) if self.mean_length(workload) > REAL_LENGTH else (low, middle)
        return (low + high) / 2

    def answers(self, workload: Workload) -> torch.Tensor:
        """Return our greedy answers: token ids after [DEC], (pairs, tokens), padded after [SEP]."""
        with autocast(self.device, self.precision):
            return greedy_answers(self.model, workload.batch(self.device.type), ANSWER_TOKENS)[0]

    def mean_length(self, workload: Workload) -> float:
        """Return the mean number of tokens of our answers, [SEP] included."""
        return len(self.words(self.answers(workload)).flatten().nonzero()) / len(workload.questions)

    def words(self, ids: torch.Tensor) -> torch.Tensor:
        """Return a mask that is False on padding."""
        return ids != self.model.config.text_config.pad_token_id

    def reference_run(self, workload: Workload, size: int) -> Run:
        """Return a run of the reference over a workload."""
        batches = make_samples(workload, size, self.device.type)

        def go() -> None:
            with autocast(self.device, self.precision):
                for samples in batches:
                    reference_answers(self.model, samples)

        pairs = len(workload.questions)
        return Run(f"reference, {self.precision}", self.model, go, pairs, min(size, pairs))

    def run(self, workload: Workload) -> Run:
        """Return a run of our step over a workload."""
        batch = workload.batch(self.device.type)

        def go() -> None:
            with autocast(self.device, self.precision):
                greedy_answers(self.model, batch, ANSWER_TOKENS)

        return Run(f"ours, {self.precision}", self.model, go, batch.pairs, batch.pairs)

    def encoder_runs(self, workload: Workload) -> list[Run]:
        """Return runs of the image encoder's forward pass alone: ours, and transformers'."""
        pictures, pairs = to_device(workload.pictures, torch.device(self.device)), len(workload.questions)
        pixel_values = pictures.tensors["pixel_values"]

        @torch.inference_mode()
        def own() -> None:
            with autocast(self.device, self.precision):
                encode_images(self.model, pictures)

        @torch.inference_mode()
        def stock() -> None:
            with autocast(self.device, self.precision):
                self.model.vision_model(pixel_values)

        return [
            Run("our image encoder", self.model, own, pairs, pairs),
            Run("transformers' image encoder", self.model, stock, pairs, pairs),
        ]


def check(setting: Setting) -> None:
    """Exit unless all answers of a tiny model in float32 equal those of transformers' `generate`."""
    answerer = Answerer(setting, setting.precision)
    workload = make_workload(answerer.model.config, 2, setting.questions)
    answerer.end_by(answerer.usual_end(workload))
    share = equal_answers(answerer, workload)
    if share < 1:
        sys.exit(f"only {share:.0%} of a tiny model's answers in float32 are those of transformers' generate")


def equal_answers(answerer: Answerer, workload: Workload) -> float:
    """Return the share of our answers that equal transformers' `generate` on one question without padding."""
    ids, equal = answerer.answers(workload), 0
    for own, samples in zip(ids, make_samples(workload, 1, answerer.device.type), strict=True):
        with autocast(answerer.device, answerer.precision):
            stock = reference_answers(answerer.model, without_padding(samples))[0]
        equal += own[answerer.words(own)].tolist() == stock[answerer.words(stock)].tolist()
    return equal / len(ids)


def on_card(figures: dict, case: dict, answerer: Answerer, workload: Workload) -> dict:
    """Return the rates on the GPU."""
    answer_tokens = round(case["answer_tokens"] * len(workload.questions))
    flops = step_flops(answerer.model.config, workload, answer_tokens, backward=False, tower=False)
    seconds = case["ours"]["seconds"]
    return {
        "images_per_second": len(workload.counts) / seconds,
        **card_figures(figures["machine"]["device"], answerer.precision, flops, seconds),
    }


if __name__ == "__main__":
    main()
