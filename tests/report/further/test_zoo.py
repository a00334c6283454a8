import pandas as pd
import pytest

from vqatune.errors import DataError
from vqatune.report.further.zoo import BEST, zoo_section
from vqatune.tables import write_csv


@pytest.fixture
def root(tmp_path):
    scores = {"blind": 0.35} | {f"model {number}": number / 10 for number in range(1, 8)}
    rows = [
        {
            "model": name,
            "answers": answers,
            "pairs": 3616,
            "parameters": None if name == "blind" else 1e6,
            "reason": None,
        }
        | {f"{metric}{end}": value for metric in ("exact_match", "skill") for end in ("", "_low", "_high")}
        for name, value in scores.items()
        for answers in (("short",) if name == "blind" else ("whole", "short"))
    ]
    failed = {"model": "large", "answers": "short", "reason": "there is no memory for it"}
    write_csv(pd.DataFrame([*rows, failed]), tmp_path / "metrics/zoo.csv")
    return tmp_path


def test_the_best_models_stand_beside_the_blind_guess_and_link_to_the_zoo_s_own_page(root):
    (root / "metrics/zoo.html").write_text("")
    section = zoo_section(root, root / "pages/mine.html")
    [figure] = section.figures
    models = figure.table["model"].tolist()
    assert (
        models == ["model 7", "model 6", "model 5", "model 4", "blind", "model 3"] and len(models) == BEST + 1
    )
    assert figure.table["exact match"].iloc[0] == "0.700 (0.700 to 0.700)"
    assert figure.table["parameters"].tolist()[3:5] == ["1,000,000", ""]
    assert (
        "Of the zoo's 7 models model 7 has the highest exact match, 0.700, on 3,616 test questions"
        in figure.alt
    )
    assert (
        "The table has the best 5" in figure.alt and "None has more than 1,000,000 parameters" in figure.alt
    )
    assert '<a href="../metrics/zoo.html">' in section.text


def test_there_is_no_link_to_a_page_that_is_not_there(root):
    assert "href" not in zoo_section(root, root / "mine.html").text


def test_without_a_zoo_there_is_no_section(tmp_path):
    assert zoo_section(tmp_path, tmp_path / "mine.html") is None


def test_a_damaged_table_is_an_error_that_names_it(root):
    (root / "metrics/zoo.csv").write_text("model,answers\nblip,short\n")
    with pytest.raises(DataError, match="zoo.csv"):
        zoo_section(root, root / "mine.html")
