"""Shared by the tests of `vqatune use`: a repository of one's own, and photographs with a table of questions."""

import csv

import pytest

from vqatune.cli import main
from vqatune.params.render import params_yaml
from vqatune.showroom.drawing import draw, random_view
from vqatune.showroom.products import random_product


@pytest.fixture
def repository_of_ones_own(tmp_path, monkeypatch):
    """The current folder, with params.yaml alone."""
    (tmp_path / "repository").mkdir()
    monkeypatch.chdir(tmp_path / "repository")
    (tmp_path / "repository/params.yaml").write_text(params_yaml())
    return tmp_path / "repository"


@pytest.fixture
def student(tmp_path):
    """A folder with 60 photographs, and a CSV beside it with three questions about each."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    with (tmp_path / "questions.csv").open("w", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["Photo", "Question", "Answer"])
        for number in range(60):
            product = random_product(3, number)
            draw(product, random_view(3, number), 32).save(folder / f"IMG_{number:03d}.jpg")
            for question, answer in (
                ("What color is the product?", product.color),
                ("Is it a cup?", "no"),
                ("Which finish has it?", product.finish),
            ):
                rows.writerow([f"/home/me/my photos/IMG_{number:03d}.jpg", question, answer])
    return tmp_path / "questions.csv"


@pytest.fixture
def use(capsys):
    """Run `vqatune use` and return what it says."""

    def run(*arguments, status: int = 0) -> str:
        try:
            main(["use", *map(str, arguments)])
        except SystemExit as error:
            assert error.code == status
        else:
            assert status == 0
        said = capsys.readouterr()
        return said.out + said.err

    return run
