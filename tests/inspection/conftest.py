import pytest
from asked_images import KEY
from sampled_pictures import sampled_pictures


@pytest.fixture
def keyed(tmp_path, monkeypatch):
    """A folder of its own to work in, one key, and no proxy on the way to this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    return tmp_path


@pytest.fixture
def pictures(places):
    """A sample of twelve pictures: six chairs, three shoes, three mugs."""
    return sampled_pictures(places)
