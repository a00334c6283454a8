"""The checked pairs written for use elsewhere, and read back."""

import csv
import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from vqatune.generation.generate import generate_pairs
from vqatune.generation.sources.recorded import read_recorded
from vqatune.params import GenerateParams
from vqatune.publishing.qa_export import export_qa
from vqatune.tables import PAIRS, SAMPLED, TASKS, read_table, write_table

METADATA = {"color": ["Røt"], "style": ["Modern", "Old"]}
IMAGE_IDS = ["71+aB-c_d", "71+ab-c_e", "lamp", "unasked"]
ASKED = [
    ("71+aB-c_d", "What color is it?", "Red", 1, "color", "gemini-3"),
    ("71+aB-c_d", 'Is it "striped", or not?', "yes", None, "other", "recorded"),
    ("71+ab-c_e", "How many legs are there?", "4", 0, "count", "gemini-3"),
    ("lamp", "¿Qué color tiene?", "木", 5, "color", "template"),
    ("lamp", "What word is printed?", "None", 2, "text", "template"),
]


def sampled(image_ids: list[str] = IMAGE_IDS) -> pd.DataFrame:
    rows = [
        {
            "image_id": image_id,
            "item_id": f"item{number}",
            "product_type": "CHÄIR" if number % 2 else "MUG",
            "language": "en_US",
            "metadata": json.dumps(METADATA),
            "path": f"images/small/{number:02d}/{number}.jpg",
            "archive": "a.tar",
            "offset": 0,
            "length": 1,
            "tier": 0,
            "repeats": 1,
        }
        for number, image_id in enumerate(image_ids)
    ]
    return pd.DataFrame(rows)[SAMPLED.names].astype({"tier": "int32", "repeats": "int32"})


def qa(asked: list[tuple] = ASKED) -> pd.DataFrame:
    columns = ["image_id", "question", "answer", "difficulty", "question_type", "generator"]
    pairs = pd.DataFrame(asked, columns=columns).astype({"difficulty": "Int8"})
    about = sampled()[["image_id", "item_id", "product_type", "language"]]
    pairs = pairs.merge(about, on="image_id", how="left")
    return pairs.assign(
        qa_id=[f"{n:016x}" for n in range(len(pairs))], attribute=pairs["question_type"], task="general"
    )


@pytest.fixture
def repository(tmp_path) -> Path:
    """A folder with data/qa.parquet and data/sampled.parquet, in which commands run."""
    write_table(sampled(), tmp_path / "data/sampled.parquet", SAMPLED)
    write_table(qa(), tmp_path / "data/qa.parquet", PAIRS)
    return tmp_path


def records(folder: Path) -> dict[str, dict]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}


def test_every_image_with_pairs_has_a_file_in_the_published_form(vqatune, repository):
    done = vqatune("export-qa", "out/pairs", "--format", "json-per-image")
    assert (done.status, done.out) == (0, "out/pairs holds 5 pairs about 3 images\n")
    found = records(repository / "out/pairs")
    assert sorted(found) == ["71+aB-c_d.json", "71+ab-c_e.json", "lamp.json"]
    assert found["71+aB-c_d.json"] == {
        "image_id": "71+aB-c_d",
        "image_path": "images/small/00/0.jpg",
        "product_type": "MUG",
        "language": "en_US",
        "metadata": METADATA,
        "qa_pairs": [
            {
                "question": "What color is it?",
                "answer": "Red",
                "difficulty": 1,
                "question_type": "color",
                "attribute": "color",
                "source": "gemini-3",
            },
            {
                "question": 'Is it "striped", or not?',
                "answer": "yes",
                "difficulty": None,
                "question_type": "other",
                "attribute": "other",
                "source": "recorded",
            },
        ],
    }
    assert "Røt" in (repository / "out/pairs/lamp.json").read_text("utf-8")
    assert [path.name for path in (repository / "out").iterdir()] == ["pairs"]


def test_a_csv_has_a_row_a_pair_and_an_answer_of_none_stays_text(vqatune, repository):
    assert (
        vqatune("export-qa", "pairs.csv", "--format", "csv").out == "pairs.csv holds 5 pairs about 3 images\n"
    )
    with (repository / "pairs.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) == (
        "image_id,image_path,product_type,question,answer,difficulty,question_type,attribute,source"
    )
    assert rows[1] == [
        *(
            "71+aB-c_d",
            "images/small/00/0.jpg",
            "MUG",
            'Is it "striped", or not?',
            "yes",
            "",
            "other",
            "other",
            "recorded",
        )
    ]
    assert [row[4] for row in rows] == ["Red", "yes", "4", "木", "None"]


def test_parquet_has_the_pairs_and_their_pictures(vqatune, repository):
    done = vqatune("export-qa", "pairs.parquet", "--format", "parquet")
    assert done.out == "pairs.parquet holds 5 pairs about 3 images\n"
    table = pq.read_table(repository / "pairs.parquet")
    assert table.schema.names == [*PAIRS.names, "image_path"]
    pairs = read_table(repository / "data/qa.parquet", PAIRS)
    pd.testing.assert_frame_equal(read_table(repository / "pairs.parquet", PAIRS), pairs)
    places = dict(zip(sampled()["image_id"], sampled()["path"], strict=True))
    assert table["image_path"].to_pylist() == [places[name] for name in pairs["image_id"]]


@pytest.mark.parametrize("form", ["json-per-image", "csv"])
def test_what_is_exported_reads_back_as_the_same_pairs(tmp_path, make_params, form):
    compute = make_params({}).compute
    images = sampled()
    made = generate_pairs(images, GenerateParams(provider="template", path=None), compute, 1)[0]
    made.loc[made.index % 3 == 0, "difficulty"] = pd.NA
    made.loc[made.index % 2 == 0, "generator"] = "gemini-3"
    assert len(made) > 5
    write_table(images, tmp_path / "data/sampled.parquet", SAMPLED)
    write_table(made, tmp_path / "data/qa.parquet", PAIRS)
    out = tmp_path / ("pairs.csv" if form == "csv" else "pairs")
    assert export_qa(out, form, tmp_path) == (len(made), 4)
    again, dropped, _ = generate_pairs(
        images.iloc[::-1], GenerateParams(provider="recorded", path=str(out)), compute, 1
    )
    assert dropped.empty
    pd.testing.assert_frame_equal(again, made, check_dtype=False)


@pytest.mark.parametrize(
    ("form", "name"), [("json-per-image", "o"), ("csv", "o.csv"), ("parquet", "o.parquet")]
)
def test_the_same_pairs_make_the_same_bytes(repository, form, name):
    written = []
    for folder in ("one", "two"):
        out = repository / folder / name
        export_qa(out, form, repository)
        files = sorted(out.iterdir()) if out.is_dir() else [out]
        written.append([(file.name, file.read_bytes()) for file in files])
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("../../etc/x", "%2E.%2F..%2Fetc%2Fx"),
        ("a/b\\c:d", "a%2Fb%5Cc%3Ad"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E."),
        ("%2Ehidden", "%252Ehidden"),
        ("a b\x00\n", "a%20b%00%0A"),
        ("木", "%E6%9C%A8"),
    ],
)
def test_an_id_that_is_no_name_of_a_file_is_escaped_and_reads_back(tmp_path, image_id, name):
    write_table(sampled([image_id]), tmp_path / "data/sampled.parquet", SAMPLED)
    pairs = qa(ASKED[:1]).assign(image_id=image_id)
    write_table(pairs, tmp_path / "data/qa.parquet", PAIRS)
    export_qa(tmp_path / "out", "json-per-image", tmp_path)
    assert [path.name for path in (tmp_path / "out").rglob("*")] == [f"{name}.json"]
    assert read_recorded(tmp_path / "out")["image_id"].tolist() == [image_id]


@pytest.mark.parametrize("image_id", ["", "x" * 300, "木" * 50])
def test_an_id_of_which_no_file_name_can_be_made_is_one_line_and_nothing_is_written(
    vqatune, tmp_path, image_id
):
    write_table(sampled([image_id, "a"]), tmp_path / "data/sampled.parquet", SAMPLED)
    pairs = pd.concat([qa(ASKED[:1]).assign(image_id=name) for name in ("a", image_id)])
    write_table(pairs, tmp_path / "data/qa.parquet", PAIRS)
    error = vqatune("export-qa", "out", "--format", "json-per-image").error
    assert repr(image_id) in error and "--format csv" in error
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert vqatune("export-qa", "out.csv", "--format", "csv").status == 0


def test_what_lies_there_already_stays(vqatune, repository):
    (repository / "full").mkdir()
    (repository / "full/mine.json").write_text("mine")
    (repository / "mine.csv").write_text("mine")
    (repository / "mine.parquet").write_text("mine")
    for out, form in (
        ("full", "json-per-image"),
        ("mine.csv", "json-per-image"),
        ("mine.csv", "csv"),
        ("mine.parquet", "parquet"),
    ):
        assert f"{out} exists" in vqatune("export-qa", out, "--format", form).error
    for name in ("full/mine.json", "mine.csv", "mine.parquet"):
        assert (repository / name).read_text() == "mine"
    (repository / "empty").mkdir()
    assert vqatune("export-qa", "empty", "--format", "json-per-image").status == 0
    assert len(list((repository / "empty").iterdir())) == 3


@pytest.mark.parametrize(
    ("out", "form"), [("pairs", "csv"), ("pairs.csv", "parquet"), ("pairs.parquet", "csv")]
)
def test_a_file_is_called_by_its_format(vqatune, repository, out, form):
    assert f"must be called .{form}" in vqatune("export-qa", out, "--format", form).error
    assert not (repository / out).exists()


@pytest.mark.parametrize("missing", ["qa", "sampled"])
def test_without_pairs_or_images_the_stage_to_run_is_named(vqatune, repository, missing):
    (repository / f"data/{missing}.parquet").unlink()
    error = vqatune("export-qa", "out", "--format", "json-per-image").error
    assert error.startswith(f"data/{missing}.parquet does not exist")
    assert not (repository / "out").exists()


def test_pairs_about_images_that_are_not_in_the_sample_are_one_line(vqatune, repository):
    write_table(sampled(IMAGE_IDS[1:]), repository / "data/sampled.parquet", SAMPLED)
    error = vqatune("export-qa", "out.csv", "--format", "csv").error
    assert "pairs about images that are not in data/sampled.parquet (1, such as 71+aB-c_d)" in error


def test_a_place_that_cannot_be_written_is_one_line(vqatune, repository):
    (repository / "file").write_text("")
    for out, form in (
        ("file/out", "json-per-image"),
        ("file/out.csv", "csv"),
        ("/proc/out.parquet", "parquet"),
    ):
        assert f"{out} cannot be written" in vqatune("export-qa", out, "--format", form).error


def test_formulas_are_quoted_where_that_is_asked_for_and_said_where_not(vqatune, repository):
    made = pd.read_parquet(repository / "data/qa.parquet")
    write_table(made.assign(answer="=1+1", question="-5"), repository / "data/qa.parquet", PAIRS)
    said = vqatune("export-qa", "raw.csv", "--format", "csv")
    assert "would run 1 of its texts as formulas: write it with --quote-formulas" in said.err
    assert set(pd.read_csv(repository / "raw.csv")["answer"]) == {"=1+1"}
    said = vqatune("export-qa", "quoted.csv", "--format", "csv", "--quote-formulas")
    assert said.err == ""
    written = pd.read_csv(repository / "quoted.csv", dtype=str)
    assert set(written["answer"]) == {"'=1+1"} and set(written["question"]) == {"-5"}


def test_multiple_choice_questions_are_json_lines(repository, vqatune):
    export = ("export-qa", "--format", "multiple-choice", "choices.jsonl")
    assert "run `dvc repro tasks` with multiple_choice in tasks.use" in vqatune(*export).error
    choices = ["木", "blue", "red", "none"]
    tasks = qa().assign(task="multiple_choice", group="g", choices=[choices] * len(ASKED))
    tasks.loc[1:2, "task"] = "multi_angle"
    write_table(tasks[tasks["task"] == "multi_angle"], repository / "data/tasks.parquet", TASKS)
    assert "has no multiple-choice questions: run `dvc repro tasks`" in vqatune(*export).error
    write_table(tasks, repository / "data/tasks.parquet", TASKS)
    assert vqatune(*export).out == "choices.jsonl holds 3 pairs about 2 images\n"
    rows = [json.loads(line) for line in (repository / "choices.jsonl").read_text("utf-8").splitlines()]
    assert rows[0] == {
        "qa_id": f"{0:016x}",
        "image_id": "71+aB-c_d",
        "image_path": "images/small/00/0.jpg",
        "question": "What color is it?",
        "choices": choices,
        "answer": "red",
        "answer_index": 2,
    }
    assert [row["choices"][row["answer_index"]] for row in rows] == ["red", "木", "none"]
    assert "must be called .jsonl" in vqatune(*export[:-1], "choices.json").error
    assert "choices.jsonl exists" in vqatune(*export).error
