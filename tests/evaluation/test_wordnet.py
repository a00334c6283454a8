import os
import subprocess
import sys

import pytest

from vqatune.evaluation.wordnet import copy_debian, installed, lexnames

FILES = ["data.noun", "index.noun", "index.sense", "cntlist.rev"]


def test_the_lexicographer_files_are_numbered_as_wordnet_numbers_them():
    lines = [line.split("\t") for line in lexnames().splitlines()]
    assert len(lines) == 45
    assert [int(number) for number, _, _ in lines] == list(range(45))
    assert {name: (number, part) for number, name, part in lines}["noun.animal"] == ("05", "1")
    assert lines[29][1:] == ["verb.body", "2"] and lines[44][1:] == ["adj.ppl", "3"]


def test_debians_files_become_a_corpus_with_the_file_they_lack(tmp_path):
    files = tmp_path / "debian"
    files.mkdir()
    assert not copy_debian(files, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    for name in FILES:
        (files / name).write_text(name)
    assert copy_debian(files, tmp_path / "target")
    corpus = tmp_path / "target" / "corpora" / "wordnet"
    assert {path.name for path in corpus.iterdir()} == {*FILES, "lexnames"}


def test_nltk_reads_what_was_installed():
    if not installed():
        pytest.skip("WordNet is not installed here and could not be had: `make` says why")
    script = (
        "from nltk.corpus import wordnet;"
        "dog, cat = wordnet.synset('dog.n.01'), wordnet.synset('cat.n.01');"
        "print(dog.lexname(), round(dog.wup_similarity(cat), 4))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["noun.animal", "0.8571"]
