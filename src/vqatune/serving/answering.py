"""Answering the jobs of a micro-batch with a loaded version: what is asked about one picture shares its encoding."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from vqatune.errors import VqatuneError
from vqatune.inference.answering.answer import Answer, AskedQuestion
from vqatune.inference.answering.answerer import Answerer
from vqatune.inference.answering.asked_questions import answer_each
from vqatune.serving.batcher import Prepared
from vqatune.serving.jobs import Job, ModelFailed, Reply

_logger = logging.getLogger(__name__)


def answer_jobs(answerer: Answerer, choices: Sequence[str] | None, prepared: Sequence[Prepared]) -> None:
    """Set the reply, or the error, of every job.

    What is wrong with one job fails that job alone. Where a micro-batch fails in the model, its jobs are answered one by
    one.

    Args:
        answerer: of the version.
        choices: for questions that have none, each distinct to the model; None for answers in its words.
        prepared: jobs whose futures are running, with their pictures.
    """
    possible = [one for one in prepared if _is_possible(answerer, choices, one[0])]
    try:
        _answer_together(answerer, choices, possible)
    except Exception:
        # Such as no memory left on the GPU.
        _logger.exception("a micro-batch of %s requests failed", len(possible))
        unanswered = [one for one in possible if not one[0].reply.done()]
        if len(possible) == 1:
            unanswered[0][0].reply.set_exception(ModelFailed())
            return
        for one in unanswered:
            answer_jobs(answerer, choices, [one])


def _is_possible(answerer: Answerer, choices: Sequence[str] | None, job: Job) -> bool:
    try:
        for asked in job.questions:
            if asked.choices is not None or choices is None:
                answerer.check_asked(asked)
    except VqatuneError as error:
        job.reply.set_exception(error)
        return False
    return True


def _answer_together(answerer: Answerer, choices: Sequence[str] | None, prepared: Sequence[Prepared]) -> None:
    if not prepared:
        return
    # Jobs about one picture have the same preprocessed one; equal questions about it are one, too.
    pictures = {id(picture): picture for _, picture in prepared}
    asked: dict[int, dict[AskedQuestion, list[Answer]]] = {number: {} for number in pictures}
    for job, picture in prepared:
        asked[id(picture)].update({one: [] for one in job.questions})
    found = answer_each(answerer, list(pictures.values()), [list(own) for own in asked.values()], choices)
    for own, answers in zip(asked.values(), found, strict=True):
        own.update(zip(own, answers, strict=True))
    results = [[asked[id(picture)][one] for one in job.questions] for job, picture in prepared]
    questions = {one.question for job, _ in prepared for one in job.questions}
    texts = {answer.answer for answers in results for each in answers for answer in each}
    tokens = _Tokens(answerer, list(questions), list(texts))
    for (job, _), answers in zip(prepared, results, strict=True):
        job.reply.set_result(tokens.reply(job, answers))


class _Tokens:
    """The tokens of a micro-batch's questions and answers, made at once."""

    def __init__(self, answerer: Answerer, questions: list[str], answers: list[str]) -> None:
        encoder = answerer.encoder
        self._decode, self._most = encoder.decode, answerer.max_answer_tokens
        self._questions = dict(zip(questions, map(len, encoder.questions(questions)), strict=True))
        self._truncated = set(encoder.too_long(questions))
        written = "generate" in encoder.family.MODES
        ids = encoder.answers(answers)
        self._answers = dict(zip(answers, (one[1:-1] if written else one for one in ids), strict=True))

    def reply(self, job: Job, answers: list[list[Answer]]) -> Reply:
        """Return the reply to a job, its answers cut where they are too long for it."""
        questions = [asked.question for asked in job.questions]
        cut = [[self._cut(answer, job) for answer in found] for found in answers]
        return Reply(
            [[answer for answer, _, _ in found] for found in cut],
            [question for question in questions if question in self._truncated],
            sum(self._questions[question] for question in questions),
            [[tokens for _, tokens, _ in found] for found in cut],
            [[short for _, _, short in found] for found in cut],
        )

    def _cut(self, answer: Answer, job: Job) -> tuple[Answer, int, bool]:
        ids = self._answers[answer.answer]
        if answer.share is not None:
            return answer, len(ids), False
        if job.longest is None or len(ids) <= job.longest:
            # The end token counts among those that the model may write.
            return answer, len(ids), len(ids) >= self._most
        [text] = self._decode(torch.tensor([ids[: job.longest]]))
        return replace(answer, answer=text), job.longest, True
