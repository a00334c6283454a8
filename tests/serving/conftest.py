"""Shared by the tests of serving: a tiny version, pictures, and servers on real sockets."""

import shutil
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed: pip install -e '.[serve]'")
pytest.importorskip("uvicorn", reason="the extra serve is not installed: pip install -e '.[serve]'")

import torch

from vqatune.inference.answering.abstaining import Abstaining
from vqatune.inference.answering.answerer import Answerer
from vqatune.loading.reader import ImageReader
from vqatune.models import lora
from vqatune.models.families.blip import load_model, load_processor, save_processor
from vqatune.runtime.listening import LOOPBACK, listen
from vqatune.serving.answering import answer_jobs
from vqatune.serving.application import Service
from vqatune.serving.batcher import Batcher, Batching, Prepared
from vqatune.serving.limits import Limits
from vqatune.serving.replies import Replies
from vqatune.serving.server import make_server


@pytest.fixture(scope="session")
def models(tmp_path_factory, tiny_base, tiny_params) -> Path:
    """A folder with base and v1; not to be written to."""
    folder = tmp_path_factory.mktemp("served") / "models"
    shutil.copytree(tiny_base, folder / "base")
    # The same one whatever was drawn before, and so that pictures have answers of their own: larger weights make of a rounding
    # another answer.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adapted = lora.new_adapter(load_model(tiny_base), tiny_params.lora)
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
    lora.save_adapter(adapted, folder / "v1")
    save_processor(load_processor(tiny_base), folder / "v1")
    return folder


@pytest.fixture(scope="session")
def answerer(models, tiny_params) -> Answerer:
    """Asked alone, for what is expected; the servers have one of their own."""
    return Answerer(models / "v1", compute=tiny_params.compute)


@pytest.fixture(scope="session")
def served(models, tiny_params) -> Answerer:
    return Answerer(models / "v1", compute=tiny_params.compute)


@pytest.fixture(scope="session")
def pictures(places) -> list[bytes]:
    """The bytes of twelve pictures."""
    reader = ImageReader(places)
    return [reader.content(image_id) for image_id in places["image_id"]]


@pytest.fixture(scope="session")
def base64s(pictures) -> list[str]:
    return [b64encode(picture).decode() for picture in pictures]


@dataclass
class Running:
    """A server in a thread."""

    address: str
    service: Service
    prepared: list[bytes] = field(default_factory=list)
    """The pictures that were prepared, in order."""
    batches: list[list[Prepared]] = field(default_factory=list)
    """The micro-batches that the model was given."""
    open: threading.Event = field(default_factory=threading.Event)
    """Until it is set the model waits."""

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


LIMITS = Limits()
Serving = Callable[..., AbstractContextManager[Running]]


@contextmanager
def run_server(
    answerer: Answerer,
    limits: Limits = LIMITS,
    token: str | None = None,
    held: bool = False,
    abstaining: Abstaining | None = None,
) -> Iterator[Running]:
    def prepare(picture: bytes):
        running.prepared.append(picture)
        return answerer.picture(picture)

    def answer(jobs: Sequence[Prepared]) -> None:
        running.batches.append(list(jobs))
        assert running.open.wait(60)
        answer_jobs(answerer, None, jobs)

    with closing(listen(LOOPBACK, 0)) as listening:
        replies = Replies()
        batcher = Batcher(Batching(prepare, answer, replies.deliver, limits.queue, 32, 1280))
        kind = answerer.encoder.model_type
        service = Service("v1", kind, batcher, replies, limits, token, int(time.time()), abstaining)
        running = Running(f"http://{LOOPBACK}:{listening.getsockname()[1]}", service)
        if not held:
            running.open.set()
        server = make_server(service)
        thread = threading.Thread(target=partial(server.run, sockets=[listening]))
        thread.start()
        try:
            yield running
        finally:
            running.open.set()
            server.should_exit = True
            thread.join(60)
            batcher.close()


@pytest.fixture(scope="session")
def serving(served) -> Serving:
    """Run a server as a context: serving(limits=…, token=…, held=True); held: its model waits to be let go."""
    return partial(run_server, served)


@pytest.fixture(scope="session")
def start_server() -> Serving:
    """Run a server of another answerer: start_server(answerer, limits=…)."""
    return run_server


@pytest.fixture(scope="session")
def server(serving) -> Iterator[Running]:
    with serving() as running:
        yield running
