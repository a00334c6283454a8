"""What a model makes of a text is computed once: in a process, and where there is a store, for all of them."""

import numpy as np
import pytest

from vqatune.evaluation.scoring import embeddings
from vqatune.evaluation.scoring.embeddings import Embeddings
from vqatune.evaluation.scoring.store import Store


class _Model:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.loaded, self.asked = 0, []

    def load(self):
        self.loaded += 1
        return self.encode

    def encode(self, texts):
        self.asked += texts
        return [np.array([[len(text), ord(character)] for character in text], np.float32) for text in texts]


def _as_lists(found):
    return {text: array.tolist() for text, array in found.items()}


def test_a_text_is_encoded_once_and_a_model_loaded_for_new_texts_alone():
    model = _Model()
    texts = Embeddings(model.load)
    first = _as_lists(texts.of(["red", "sofa", "red"]))
    assert list(first) == ["red", "sofa"] and first["red"] == [[3, 114], [3, 101], [3, 100]]
    loaded = model.loaded
    assert _as_lists(texts.of(["sofa", "red"])) == first
    assert model.loaded == loaded and model.asked == ["red", "sofa"]
    texts.of(["red", "blue"])
    assert model.asked == ["red", "sofa", "blue"]


def test_long_texts_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(embeddings, "_ROOM", 0)
    model = _Model()
    texts = Embeddings(model.load)
    first = _as_lists(texts.of(["red", "sofa"]))
    texts.of(["blue"])
    assert _as_lists(texts.of(["red", "sofa"])) == first
    assert model.asked == ["red", "sofa", "blue", "red", "sofa"]


@pytest.mark.parametrize("text", ["red", "כורסה 🪑", "\x00", "None"])
def test_another_process_finds_the_same_bits_and_loads_no_model(tmp_path, text):
    model, other = _Model(), _Model()
    first = Embeddings(model.load, Store(tmp_path, "sbert-texts", "k")).of([text, "sofa"])
    again = Embeddings(other.load, Store(tmp_path, "sbert-texts", "k")).of(["sofa", text])
    assert all(np.array_equal(first[name], again[name]) and again[name].dtype == np.float32 for name in first)
    assert other.loaded == 0


def test_a_full_store_takes_no_more_and_the_texts_are_encoded_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "_ROOM_ON_DISK", 0)
    model = _Model()
    for _ in range(2):
        assert _as_lists(Embeddings(model.load, Store(tmp_path, "texts", "k")).of(["red"]))["red"][0] == [
            3,
            114,
        ]
    assert model.asked == ["red", "red"]
