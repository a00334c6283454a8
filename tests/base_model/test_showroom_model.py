import re
from collections import defaultdict
from pathlib import Path

import torch
from safetensors.torch import load_file

from vqatune.base_model.base import make_base
from vqatune.base_model.lessons import draw_examples
from vqatune.base_model.showroom_model import FOLDER, SEED, WORDS, make_showroom_model
from vqatune.base_model.tiny import pack_examples
from vqatune.generation.sources.language_files import load_language
from vqatune.generation.sources.visible import noun_of
from vqatune.inference.prediction.decoding import greedy_answers
from vqatune.models.checkpoint import load_model
from vqatune.models.encoder import load_encoder
from vqatune.params import TinyParams
from vqatune.showroom.products import KINDS

LEARNED = {
    "name the silhouette": 0.9,
    "name the color": 0.95,
    "name the pattern": 0.95,
    "name the place of the marks": 0.95,
    "name the ink of the marks": 0.95,
    "name the number of marks": 0.9,
    "name the mark": 0.8,
    "check": 0.9,
}
"""Lesson → the least share of pictures that it has never seen in which it is right."""


def test_the_showrooms_base_is_the_model_that_comes_with_the_package(make_params, tmp_path):
    make_base(make_params({"model.source": "showroom", "model.tiny": TinyParams()}), [], tmp_path / "base")
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == sorted(
        path.name for path in FOLDER.iterdir()
    )
    for path in FOLDER.iterdir():
        assert (tmp_path / "base" / path.name).read_bytes() == path.read_bytes(), path.name


def test_it_sees_what_its_lessons_taught():
    encoder, model = load_encoder(FOLDER), load_model(FOLDER).eval()
    pictures, pairs = zip(*draw_examples(list(range(5_000_000, 5_000_300)), SEED, 64), strict=True)
    ids, _ = greedy_answers(model, pack_examples(encoder, pictures, pairs), 4)
    asked = [pair for own in pairs for pair in own]
    right = defaultdict(list)
    for text, (question, answer) in zip(encoder.decode(ids), asked, strict=True):
        lesson = question if question.startswith("name") else "check"
        right[lesson].append(text == answer)
    for lesson, least in LEARNED.items():
        assert sum(right[lesson]) / len(right[lesson]) > least, lesson


def test_its_weights_are_at_most_three_megabytes_of_float16():
    weights = FOLDER / "model.safetensors"
    assert weights.stat().st_size <= 3_000_000
    assert {tensor.dtype for tensor in load_file(weights).values() if tensor.is_floating_point()} == {
        torch.float16
    }


def test_it_is_made_without_data_with_the_same_bytes_whatever_the_workers(tmp_path: Path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for name, workers in (("one", "1"), ("two", "2")):
        monkeypatch.setenv("VQATUNE_WORKERS", workers)
        make_showroom_model(tmp_path / name, steps=3)
    assert not list(empty.iterdir())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
        # What does not depend on the training is what comes with the package.
        assert path.suffix == ".safetensors" or path.read_bytes() == (FOLDER / path.name).read_bytes(), (
            path.name
        )


def test_all_words_of_the_showrooms_questions_and_answers_are_tokens():
    words = set(WORDS.read_text(encoding="utf-8").split())
    tokens = load_encoder(FOLDER).processor.tokenizer.get_vocab()
    assert words <= set(tokens)
    language = load_language("en")
    asked = {
        word
        for wordings in language.questions.values()
        for wording in wordings
        for word in re.findall(r"[a-z]{2,}", re.sub(r"{\w+}", "", wording.lower()))
    }
    assert asked <= words
    assert {noun_of(kind) for kind in KINDS} - {None} <= words
