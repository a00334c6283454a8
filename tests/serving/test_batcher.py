"""The queue and its micro-batches, with a model that writes down what it gets."""

import threading
from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import ImageError
from vqatune.inference.answering.answer import AskedQuestion
from vqatune.loading.ragged import Ragged
from vqatune.serving.batcher import Batcher, Batching, Full, Prepared
from vqatune.serving.jobs import Job

PICTURES, PAIRS = 3, 8


def _prepare(picture: bytes) -> Ragged:
    if picture == b"bad":
        raise ImageError("it does not open")
    return Ragged.one_each("picture", torch.zeros(1))


@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"bad"]), st.integers(1, 10), st.booleans()),
        max_size=30,
    )
)
def test_every_job_is_answered_once_in_order_within_the_limits_or_was_cancelled(asked):
    batches: list[list[Job]] = []
    begin = threading.Event()

    def answer(prepared: Sequence[Prepared]) -> None:
        begin.wait(60)
        batches.append([job for job, _ in prepared])
        assert len({id(picture) for _, picture in prepared}) == len({job.picture for job, _ in prepared})
        for job, _ in prepared:
            job.reply.set_result(job.picture)

    jobs = [Job(picture, (AskedQuestion("a?"),) * count) for picture, count, _ in asked]
    batcher = Batcher(Batching(_prepare, answer, lambda: None, 1000, PICTURES, PAIRS))
    for job, (_, _, cancelled) in zip(jobs, asked, strict=True):
        batcher.put(job)
        if cancelled and job.reply.cancel():
            batcher.drop_cancelled()
    begin.set()
    batcher.close()
    assert batcher.waiting == batcher.computing == 0
    answered = [job for batch in batches for job in batch]
    assert answered == [job for job in jobs if job.picture != b"bad" and not job.reply.cancelled()]
    for job in jobs:
        if job.reply.cancelled():
            continue
        if job.picture == b"bad":
            assert isinstance(job.reply.exception(), ImageError)
        else:
            assert job.reply.result() == job.picture
    for batch in batches:
        assert len({job.picture for job in batch}) <= PICTURES
        assert len(batch) == 1 or sum(job.pairs for job in batch) <= PAIRS


def test_a_full_queue_says_when_to_come_again():
    begin, computing = threading.Event(), threading.Event()

    def answer(prepared: Sequence[Prepared]) -> None:
        computing.set()
        begin.wait(60)
        for job, _ in prepared:
            job.reply.set_result(None)

    batcher = Batcher(Batching(_prepare, answer, lambda: None, 30, 100, 100))
    batcher.put(Job(b"a", (AskedQuestion("a?"),)))
    assert computing.wait(60)
    for _ in range(30):
        batcher.put(Job(b"b", (AskedQuestion("a?"),)))
    try:
        batcher.put(Job(b"c", (AskedQuestion("a?"),)))
        raise AssertionError("it took one more")
    except Full as full:
        # 31 jobs, at the ten a second that are taken for granted until some are measured.
        assert full.retry_after == 4
    begin.set()
    batcher.close()
