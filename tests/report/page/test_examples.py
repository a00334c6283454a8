import base64
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vqatune.errors import ArchiveError, DataError
from vqatune.report.page import examples
from vqatune.report.page.answers import read_answers
from vqatune.report.page.examples import draw_further, draw_images, example_data
from vqatune.tables import IMAGES, PREDICTIONS, write_table


@pytest.fixture
def copied(small_run, tmp_path, monkeypatch):
    shutil.copytree(small_run.root, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    return Path()


def made_up(images: int) -> pd.DataFrame:
    """A large type and four small ones, with one rare kind of question in the large one."""
    types = ["LARGE"] * (images - 40) + [f"SMALL{number % 4}" for number in range(40)]
    rows = [
        {"image_id": f"i{number}", "product_type": name, "difficulty": number % 3, "question_type": "color"}
        for number, name in enumerate(types)
    ]
    rows.append({"image_id": "i77", "product_type": "LARGE", "difficulty": 5, "question_type": "text"})
    return pd.DataFrame(rows).astype({"difficulty": "Int8"})


def test_types_are_drawn_equally_often_and_rare_questions_early():
    pairs = made_up(400)
    drawn = draw_images(pairs, 25, 13)
    types = pairs.drop_duplicates("image_id").set_index("image_id").loc[drawn, "product_type"]
    assert types.value_counts().tolist() == [5] * 5
    assert "i77" in drawn
    assert len(draw_images(pairs, 1000, 13)) == 400 == len(set(draw_images(pairs, 1000, 13)))


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows():
    pairs = made_up(400)
    mixed = pairs.sample(frac=1, random_state=1)
    assert draw_images(mixed, 50, 13) == draw_images(pairs, 50, 13) != draw_images(pairs, 50, 14)


def test_frequent_wrong_answers_without_an_image_get_one_of_the_lowest_rank(monkeypatch):
    answers = [("i0", "red", False), *[(f"i{number}", "blue", False) for number in range(1, 4)]]
    answers += [("i4", "green", False)] * 2 + [("i5", "black", True)] * 9
    cells = pd.DataFrame(answers, columns=["image", "prediction", "right"])
    images = cells.pop("image")
    cells = cells.assign(question_type="color", reference="white")
    further = draw_further(images, cells, ["i0"], 13)
    assert len(further) == 2 and further[0] in {"i1", "i2", "i3"} and further[1] == "i4"
    order = images.sample(frac=1, random_state=1).index
    assert draw_further(images[order], cells.loc[order], ["i0"], 13) == further
    assert {draw_further(images, cells, ["i0"], seed)[0] for seed in range(20)} == {"i1", "i2", "i3"}
    assert draw_further(images, cells, ["i0", "i3"], 13) == ["i4"]
    monkeypatch.setattr(examples, "FURTHER", 1)
    assert draw_further(images, cells, ["i0"], 13) == further[:1]


def test_images_for_wrong_answers_come_last_and_are_counted(small_run, copied):
    answers = read_answers(copied, small_run.versions)
    few = example_data(copied, answers, 13, "v1", count=3)
    drawn = draw_images(answers.pairs, 3, 13)
    shown = [image["id"] for image in few["images"]]
    assert shown[:3] == drawn and 0 < few["further"] == len(shown) - 3 <= examples.FURTHER
    assert len(set(shown)) == len(shown)
    assert example_data(copied, answers, 13, "v1")["further"] == 0


def test_an_example_has_all_its_questions_and_every_versions_answer(small_run, copied):
    data = example_data(copied, read_answers(copied, small_run.versions), 13, "v1")
    test = small_run.test
    assert {image["id"] for image in data["images"]} == set(test["image_id"]) and data["left_out"] == []
    image = data["images"][2]
    rows = test[test["image_id"] == image["id"]].sort_values("qa_id")
    texts = data["texts"]
    assert [texts[question[0]] for question in image["questions"]] == rows["question"].tolist()
    assert [texts[question[1]] for question in image["questions"]] == rows["answer"].tolist()
    for place, version in enumerate(small_run.versions):
        answers = [texts[question[4][place]] for question in image["questions"]]
        right = [question[6][place] == "1" for question in image["questions"]]
        assert answers == rows[f"{version}_answer"].tolist() and right == rows[version].tolist()
        predicted = pd.read_parquet(copied / f"data/predictions/{version}.parquet").set_index("qa_id")
        probabilities = np.exp(predicted.loc[rows["qa_id"], "log_probability"])
        shown = [question[5][place] for question in image["questions"]]
        # The blind guess has no probability.
        expected = [None] * len(rows) if version == "blind" else pytest.approx(probabilities * 1000, abs=0.51)
        assert shown == expected
    picture = Image.open(BytesIO(base64.b64decode(image["source"].partition(",")[2])))
    assert picture.format == "JPEG" and max(picture.size) == 160


def test_an_answer_without_a_probability_has_none_in_the_examples(small_run, copied):
    path = copied / "data/predictions/v1.parquet"
    predictions = pd.read_parquet(path)
    predictions["log_probability"] = np.nan
    write_table(predictions, path, PREDICTIONS)
    data = example_data(copied, read_answers(copied, small_run.versions), 13, "v1")
    shown = [question[5] for image in data["images"] for question in image["questions"]]
    assert all(
        blind is None and v1 is None and 0 <= base <= 1000 and 0 <= v2 <= 1000
        for blind, base, v1, v2 in shown
    )


def test_a_picture_that_does_not_open_is_named_and_left_out(small_run, copied):
    places = pd.read_parquet(copied / "data/extracted/images.parquet")
    broken = small_run.test["image_id"].iloc[-1]
    places.loc[places["image_id"] == broken, "length"] = 100
    write_table(places, copied / "data/extracted/images.parquet", IMAGES)
    data = example_data(copied, read_answers(copied, small_run.versions), 13, "v1")
    assert broken not in {image["id"] for image in data["images"]}
    assert len(data["left_out"]) == 1 and data["left_out"][0].startswith(f"{broken} in data/raw/")


def test_what_is_missing_is_an_error_that_names_it(small_run, copied):
    answers = read_answers(copied, small_run.versions)
    (copied / "data/raw/abo-images-small.tar").unlink()
    with pytest.raises(ArchiveError, match="abo-images-small.tar does not exist"):
        example_data(copied, answers, 13, "v1")
    places = pd.read_parquet(copied / "data/extracted/images.parquet")
    write_table(places.iloc[:0], copied / "data/extracted/images.parquet", IMAGES)
    with pytest.raises(DataError, match="are not in data/extracted/images.parquet"):
        example_data(copied, answers, 13, "v1")
