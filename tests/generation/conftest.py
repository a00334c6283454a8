import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asked_images import KEY, ask_about, make_sampled
from warm import RUN, Warm


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    """A folder of its own to work in, one key, and no proxy on the way to this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    return tmp_path


@pytest.fixture
def ask(keyed):
    """Asks a model server about images (or so many new ones) in the test's folder."""

    def run(server, images, **changes):
        return ask_about(
            server, make_sampled(keyed, images) if isinstance(images, int) else images, **changes
        )

    return run


@pytest.fixture
def start_asking(keyed, warm_server) -> Iterator[Callable]:
    """Starts Python code that asks a model server in a process of its own; none of them outlives the test.

    The code gets as arguments the folder of fakes, the server's address and minute, and what else is given.
    """
    fakes = Path(__file__).parents[1] / "fakes"

    def start(code, server, *more):
        arguments = [str(fakes), server.url, str(server.minute), *map(str, more)]
        (keyed / "asking.py").write_text(code)
        command = [*RUN, str(keyed / "asking.py"), *arguments]
        process = Warm(warm_server, command, stderr=subprocess.PIPE, text=True, cwd=keyed)
        started.append(process)
        return process

    started: list[subprocess.Popen] = []
    yield start
    for process in started:
        process.kill()
        process.wait()
