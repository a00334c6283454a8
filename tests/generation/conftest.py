import pytest
from asked_images import KEY, ask_about, make_sampled


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
