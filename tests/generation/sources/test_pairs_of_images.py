import pandas as pd
import pytest

from vqatune.generation.sources.pairs_of_images import pairs_of_images
from vqatune.generation.sources.recorded import read_recorded

IMAGES = pd.DataFrame(
    {"image_id": ["ab", "cd", "ef"], "path": ["00/ab.jpg", "00/cd.jpg", "https://x.example/ef.jpg"]}
)


@pytest.mark.parametrize(
    ("cell", "found", "others"),
    [
        ("00/ab.jpg", ["ab"], 0),
        ("ab.jpg|cd.jpg", ["ab", "cd"], 0),
        ("ab.jpg; cd.jpg; ab.jpg", ["ab", "cd"], 0),
        ("ab,cd", ["ab", "cd"], 0),
        ("ab.jpg cd.jpg", ["ab", "cd"], 0),
        (["ab.jpg", "cd.jpg"], ["ab", "cd"], 0),
        ('["ab.jpg", "cd.jpg"]', ["ab", "cd"], 0),
        ("['ab.jpg', 'cd.jpg']", ["ab", "cd"], 0),
        ("//x.example/ef.jpg,//x.example/gh.jpg", ["ef"], 1),
        ("ab.jpg|not in the sample.jpg", ["ab"], 1),
        ("a mug, ab.jpg", [], 1),
        ("red ab.jpg", [], 1),
    ],
)
def test_a_pair_is_about_each_picture_that_its_cell_names(tmp_path, cell, found, others):
    # The second row is there for the pairs not to be about no image at all.
    table = pd.DataFrame({"image": [cell, "ef"] if isinstance(cell, str) else [cell, ["ef"]]})
    table.assign(question="What?", answer="mug").to_parquet(tmp_path / "pairs.parquet")
    pairs, missing = pairs_of_images(read_recorded(tmp_path / "pairs.parquet"), IMAGES)
    assert pairs["image_id"].tolist() == [*found, "ef"] and missing == others
    assert set(pairs["question"]) == {"What?"} and set(pairs["answer"]) == {"mug"}
