"""How fast BLIP answers, side by side with the plain loop that encodes the picture for every question.

    python benchmarks/prediction.py

runs both in turn in one process, on the same model, pictures and questions: the full architecture with random
weights, 14 questions an image, greedy answers. It measures answers that end after about two tokens, as real ones do
(a word and its end), and answers that all reach the limit of ten. It prints the share of answers that are those of
transformers' own `generate`, pairs per second, their ratio, peak memory, our step over the image encoder's own
forward pass, and how ours grows from 1 to 40 questions an image; with a GPU also images per second and the share of
the card's peak. Pictures and tokens lie ready in memory; what reads them is not measured.
"""

import sys
from dataclasses import replace

import torch
from transformers import BlipForQuestionAnswering

from card import card_figures, step_flops
from measuring import Run, compare, growth
from reference import ANSWER_TOKENS, make_samples, reference_answers, without_padding
from report import describe, save, show_card, show_comparison, show_growth
from setting import Asked, Setting, ask, build, parse
from vqatune.inference.decoding import greedy_answers
from vqatune.models.device import autocast
from vqatune.models.families.blip import encode_images

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
    asked = ask(config, setting.images, setting.questions)
    references = [
        answerers[precision].reference_run(ask(config, setting.reference_images, setting.questions), size)
        for precision in setting.reference_precisions
        for size in setting.reference_batches
    ]
    figures["cases"] = []
    # The shorter answers come last, for the growth below.
    for ends in (NEVER, ours.usual_end(asked)):
        for answerer in answerers.values():
            answerer.end_by(ends)
        encoders = ours.encoder_runs(asked)
        case = compare(references, ours.run(asked), encoders, setting.repeats, setting.device)
        case |= {"images": setting.images, "answer_tokens": ours.mean_length(asked)}
        case["equal_answers"] = equal_answers(ours, ask(config, 1, setting.questions))
        title = f"answers of {case['answer_tokens']:.1f} tokens, {setting.questions} questions an image"
        show_comparison(title, case, training=False)
        print(f"{case['equal_answers']:.0%} of answers are those of transformers' generate, one at a time\n")
        if setting.device == "cuda":
            case["card"] = on_card(figures, case, ours, asked)
            show_card(case["card"])
        figures["cases"].append(case)
    runs = {questions: ours.run(ask(config, setting.images, questions)) for questions in GROWTH}
    figures["growth"] = growth(runs, setting.repeats, setting.device)
    show_growth(figures["growth"], setting.images)
    save(figures, output)


class Answerer:
    """A model that answers, in one precision."""

    def __init__(self, setting: Setting, precision: str) -> None:
        self.precision, self.device = precision, torch.device(setting.device)
        self.model: BlipForQuestionAnswering = build(setting, precision, merged=True)

    def end_by(self, bias: float) -> None:
        """Make answers end sooner or later: set the bias of [SEP] in the output head."""
        with torch.no_grad():
            head = self.model.text_decoder.cls.predictions.decoder
            head.bias[self.model.config.text_config.sep_token_id] = bias

    def usual_end(self, asked: Asked) -> float:
        """Return the bias of [SEP] under which random weights give answers of about the usual length."""
        low, high = -5.0, 10.0
        for _ in range(9):
            middle = (low + high) / 2
            self.end_by(middle)
            low, high = (middle, high) if self.mean_length(asked) > REAL_LENGTH else (low, middle)
        return (low + high) / 2

    def answers(self, asked: Asked) -> torch.Tensor:
        """Return our greedy answers: token ids after [DEC], (pairs, tokens), padded after [SEP]."""
        with autocast(self.device, self.precision):
            return greedy_answers(self.model, asked.batch(self.device.type), ANSWER_TOKENS)[0]

    def mean_length(self, asked: Asked) -> float:
        """Return how many tokens our answers have on average, [SEP] included."""
        return len(self.words(self.answers(asked)).flatten().nonzero()) / len(asked.questions)

    def words(self, ids: torch.Tensor) -> torch.Tensor:
        """Return which of the answers' tokens are no padding."""
        return ids != self.model.config.text_config.pad_token_id

    def reference_run(self, asked: Asked, size: int) -> Run:
        """Return the reference, over all that is asked."""
        batches = make_samples(asked, size, self.device.type)

        def go() -> None:
            with autocast(self.device, self.precision):
                for samples in batches:
                    reference_answers(self.model, samples)

        pairs = len(asked.questions)
        return Run(f"reference, {self.precision}", self.model, go, pairs, min(size, pairs))

    def run(self, asked: Asked) -> Run:
        """Return a step of ours, over all that is asked."""
        batch = asked.batch(self.device.type)

        def go() -> None:
            with autocast(self.device, self.precision):
                greedy_answers(self.model, batch, ANSWER_TOKENS)

        return Run(f"ours, {self.precision}", self.model, go, batch.pairs, batch.pairs)

    def encoder_runs(self, asked: Asked) -> list[Run]:
        """Return the image encoder's forward pass alone: our way, and transformers'."""
        pixel_values, pairs = asked.pixel_values.to(self.device), len(asked.questions)

        @torch.inference_mode()
        def own() -> None:
            with autocast(self.device, self.precision):
                encode_images(self.model, pixel_values)

        @torch.inference_mode()
        def stock() -> None:
            with autocast(self.device, self.precision):
                self.model.vision_model(pixel_values)

        return [
            Run("our image encoder", self.model, own, pairs, pairs),
            Run("transformers' image encoder", self.model, stock, pairs, pairs),
        ]


def check(setting: Setting) -> None:
    """Stop unless a tiny model in float32 gives, to all questions, the answers of transformers' own `generate`."""
    answerer = Answerer(setting, setting.precision)
    asked = ask(answerer.model.config, 2, setting.questions)
    answerer.end_by(answerer.usual_end(asked))
    share = equal_answers(answerer, asked)
    if share < 1:
        sys.exit(f"only {share:.0%} of a tiny model's answers in float32 are those of transformers' generate")


def equal_answers(answerer: Answerer, asked: Asked) -> float:
    """Return the share of our answers that transformers' `generate` gives to the question alone, without padding."""
    ids, equal = answerer.answers(asked), 0
    for own, samples in zip(ids, make_samples(asked, 1, answerer.device.type), strict=True):
        with autocast(answerer.device, answerer.precision):
            stock = reference_answers(answerer.model, without_padding(samples))[0]
        equal += own[answerer.words(own)].tolist() == stock[answerer.words(stock)].tolist()
    return equal / len(ids)


def on_card(figures: dict, case: dict, answerer: Answerer, asked: Asked) -> dict:
    """Return what the card was put to."""
    answer_tokens = round(case["answer_tokens"] * len(asked.questions))
    flops = step_flops(answerer.model.config, asked, answer_tokens, backward=False, tower=False)
    seconds = case["ours"]["seconds"]
    return {
        "images_per_second": len(asked.counts) / seconds,
        **card_figures(figures["machine"]["device"], answerer.precision, flops, seconds),
    }


if __name__ == "__main__":
    main()
