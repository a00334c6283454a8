"""Blocks of the documents that take seconds are run, after a run of two versions in place of thirteen."""

import re

import pytest
from code_blocks import Block, blocks_of, commands_of
from warm import RUN

from vqatune.cli import main
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import random_product

COMMANDS = {
    "docs/dvc.md": ("$ dvc metrics show",),
    "docs/evaluation.md": ("vqatune table",),
    "docs/inference.md": (
        'vqatune ask mug.jpg "What color is it?" "Is',
        'vqatune ask mug.jpg "What color is it?" --abstain',
    ),
}
"""Blocks by their beginnings, whose commands are run but for those in NOT_RUN."""
NOT_RUN = {
    "dvc plots diff HEAD~1": "tests/report/test_dvc_templates.py draws them",
    "vqatune compare HEAD~1:v2 v2": "there is no such commit; tests/evaluation/comparison makes one",
    "vqatune compare exp-abc12:v2 v2": "there is no such experiment",
}
"""Commands of these blocks that are not run → why."""
PYTHON = {
    "docs/evaluation.md": "import pandas as pd",
    "docs/inference.md": "from vqatune import Answerer",
    "docs/publishing.md": "from peft import PeftModel",
}
NAMES = {"v13": "v2", "v7": "v1", "v1,v1,v2": "v1,v2", "v1 v1 v2": "base v1 v2"}
"""Versions of the documents → those that are there."""


def with_our_versions(text: str) -> str:
    for name, other in NAMES.items():
        text = re.sub(rf"\b{name}\b", other, text)
    return text


@pytest.fixture
def block(repository):
    """Return the block of a document that begins so."""

    def find(document: str, beginning: str) -> Block:
        (found,) = [
            each for each in blocks_of(repository / document, repository) if each.first.startswith(beginning)
        ]
        return found

    return find


@pytest.fixture
def here(checkout, monkeypatch):
    """A finished run, in which the pictures and questions of the documents lie."""
    monkeypatch.chdir(checkout.root)
    picture = draw(random_product(3, 1), random_view(3, 1), 64)
    (checkout.root / "photos").mkdir()
    for path in ("mug.jpg", "photos/mug.jpg"):
        picture.convert("RGB").save(checkout.root / path)
    (checkout.root / "questions.csv").write_text("image,question\nmug.jpg,What color is it?\n")
    return checkout


def test_commands_of_the_documents_run(here, block, capsys):
    kept_out = set()
    for document, beginnings in COMMANDS.items():
        for beginning in beginnings:
            for command in commands_of(with_our_versions(block(document, beginning).text)):
                words = " ".join(command)
                if words in NOT_RUN:
                    kept_out.add(words)
                elif command[0] == "dvc":
                    here.run(*command)
                else:
                    main(command[1:])
                    assert capsys.readouterr().out, words
    assert kept_out == NOT_RUN.keys()


def test_python_of_the_documents_runs(here, block):
    texts = [with_our_versions(block(*beginning).text) for beginning in PYTHON.items()]
    (here.root / "documented.py").write_text("\n".join(texts))
    said = here.run(*RUN, here.root / "documented.py").stdout
    assert "exact_match" in said and "What color is it?" in said
