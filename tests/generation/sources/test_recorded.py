import gzip
import io
import json
import os
import socket
import tarfile

import pandas as pd
import pytest

from vqatune.errors import ArchiveError, DataError, VqatuneError
from vqatune.generation.sources.pairs_of_images import match_images
from vqatune.generation.sources.recorded import read_recorded
from vqatune.params import PairColumnsParams

RECORDS = [
    {
        "image_id": "ab",
        "image_path": "images/small/00/ab.jpg",
        "qa_pairs": [
            {"question": "What color?", "answer": "None", "source": "someone"},
            {
                "question": "How many?",
                "answer": 3,
                "difficulty": 2,
                "question_type": "count",
                "attribute": "Number",
            },
        ],
    },
    {"image_path": "00/cd.jpg", "qa_pairs": [{"question": "What?", "answer": "café", "difficulty": "hard"}]},
]
EXPECTED = [
    ("ab", "images/small/00/ab.jpg", 0, "What color?", "None", None, None, None, "someone"),
    ("ab", "images/small/00/ab.jpg", 1, "How many?", "3", 2, "count", "number", None),
    (None, "00/cd.jpg", 0, "What?", "café", -1, None, None, None),
]
IMAGES = pd.DataFrame(
    {"image_id": ["ab", "cd"], "path": ["images/small/00/ab.jpg", "images/small/00/cd.jpg"]}
)


def rows_of(frame: pd.DataFrame) -> list[tuple]:
    return [
        tuple(None if pd.isna(value) else value for value in row)
        for row in frame.itertuples(index=False, name=None)
    ]


def write_lines(path, records=RECORDS):
    text = "\n".join(json.dumps(record) for record in records) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_folder(path):
    (path / "deeper").mkdir(parents=True)
    (path / "1.json").write_text(json.dumps(RECORDS[0]))
    (path / "deeper/2.json").write_text(json.dumps(RECORDS[1]))
    (path / "._1.json").write_bytes(b"\x00\x05 not JSON")
    return path


def write_tar(path):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for number, record in enumerate(RECORDS):
            content = json.dumps(record).encode()
            member = tarfile.TarInfo(f"pairs/{number}.json")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("pairs.jsonl", write_lines),
        ("pairs.jsonl.gz", write_lines),
        ("pairs", write_folder),
        ("pairs.tar", write_tar),
        ("pairs.tar.gz", write_tar),
    ],
)
def test_every_form_of_json_reads_the_same(tmp_path, name, write):
    assert rows_of(read_recorded(write(tmp_path / name))) == EXPECTED


def test_a_csv_keeps_none_as_text_and_reads_an_empty_field_as_nothing(tmp_path):
    path = tmp_path / "pairs.csv.gz"
    text = '\ufeffimage_id,question,answer,difficulty\nab,What color?,None,\ncd,"How many, if any?",NA,3\ncd,?,,7\n'
    path.write_bytes(gzip.compress(text.encode()))
    assert rows_of(read_recorded(path)) == [
        ("ab", None, 0, "What color?", "None", None, None, None, None),
        ("cd", None, 0, "How many, if any?", "NA", 3, None, None, None),
        ("cd", None, 0, "?", "", -1, None, None, None),
    ]


@pytest.mark.parametrize("column", ["path", "image_path"])
def test_a_csv_may_name_the_image_by_its_path(tmp_path, column):
    path = tmp_path / "pairs.csv"
    path.write_text(f"{column},answer,question\n00/ab.jpg,red,What color?\n")
    assert rows_of(read_recorded(path)) == [
        (None, "00/ab.jpg", 0, "What color?", "red", None, None, None, None)
    ]


@pytest.mark.parametrize(
    "path",
    [
        "images/small/00/ab.jpg",
        "00/ab.jpg",
        "/data/abo/small/00/ab.jpg",
        "C:\\abo\\images\\small\\00\\ab.jpg",
    ],
)
def test_an_image_is_found_by_the_end_of_its_path(path):
    pairs = pd.DataFrame({"image_id": pd.Series([None], dtype="str"), "path": [path]})
    assert match_images(pairs, IMAGES).tolist() == ["ab"]


def test_the_id_goes_before_the_path_and_an_unknown_image_stays_missing():
    pairs = pd.DataFrame(
        {"image_id": ["cd", "unknown", "zz"], "path": ["00/ab.jpg", "00/ab.jpg", None]}, dtype="str"
    )
    found = match_images(pairs, IMAGES)
    assert found[:2].tolist() == ["cd", "ab"]
    assert pd.isna(found[2])


def test_pairs_of_other_images_are_an_error_that_shows_both_sides():
    pairs = pd.DataFrame({"image_id": ["x1", "x2"], "path": [None, None]}, dtype="str")
    with pytest.raises(DataError, match=r"none of the 2 recorded pairs .* x1, x2; the sample has ab, cd"):
        match_images(pairs, IMAGES)


def test_a_path_that_fits_two_images_is_an_error():
    images = pd.DataFrame({"image_id": ["1", "2"], "path": ["left/00/ab.jpg", "right/00/ab.jpg"]})
    pairs = pd.DataFrame({"image_id": [None], "path": ["00/ab.jpg"]}, dtype="str")
    with pytest.raises(DataError, match="00/ab.jpg fits several images"):
        match_images(pairs, images)
    assert match_images(pairs.assign(image_id="2"), images).tolist() == ["2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"image_id": "a", "qa_pairs": []}\n{"image_id": ', "a.jsonl:2 is not JSON"),
        ("a.jsonl", b'\n\n{"image_id": "a\xff", "qa_pairs": []}', "a.jsonl:3 is not JSON"),
        ("a.jsonl", b'{"image_id": "a"}', 'a.jsonl:1: an object with a list "qa_pairs"'),
        ("a.jsonl", b'{"qa_pairs": []}', "a.jsonl:1: neither"),
        ("a.jsonl", b'{"image_id": "a", "qa_pairs": [{"question": "?"}]}', "a.jsonl:1: pair 1 is not"),
        ("a.jsonl.gz", gzip.compress(b"{}" * 1000, mtime=0)[:-12], "a.jsonl.gz is damaged"),
        (
            "a.csv",
            b"image_id,question\na,b\n",
            r"a.csv lacks the column\(s\) answer; it has: image_id, question",
        ),
        ("a.csv", b"question,answer\na,b\n", r"a.csv lacks the column\(s\) image_id"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"image_id,question,answer\na,b,c\na,b\n", "a.csv, line 3 has 2 cells"),
        ("a.csv", b'image_id,question,answer\na,b,"c\n', "a.csv, line 2: unexpected end"),
        ("a.csv", b"image_id,question,answer\na,b,\xff\n", "a.csv, line 2 is not UTF-8"),
        ("a.csv", b"image_id,question,answer\n,b,c\n", "a.csv, line 2 names no image"),
        ("a.tar", b"no tar at all", "a.tar is not a tar"),
        ("a.xlsx", b"PK", "a.xlsx is not a readable workbook"),
        ("a.pdf", b"%PDF", "a.pdf: its name does not say what it is"),
        ("a.json", b"[1, 2]", "a.json, row 1 is not an object"),
        ("a.json", b'{"a": 1, "qa_pairs": [', "a.json is not JSON"),
    ],
)
def test_what_does_not_parse_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ArchiveError, DataError), match=message):
        read_recorded(tmp_path / name)


PAIRS = [(None, "a/1.jpg", 0, "What color?", "red", None, None, None, None)]


@pytest.mark.parametrize(
    "header",
    [
        "Image_Path,Question,Answer",
        "image name,QUESTION,answers",
        "photo,query,ground-truth",
        "file,prompt,label",
    ],
)
def test_columns_of_a_table_are_found_by_common_names_whatever_their_case(tmp_path, header):
    (tmp_path / "pairs.csv").write_text(f"{header}\na/1.jpg,What color?,red\n")
    assert rows_of(read_recorded(tmp_path / "pairs.csv")) == PAIRS


def test_given_columns_go_before_common_names(tmp_path):
    (tmp_path / "pairs.csv").write_text("image,frage;x,question,antwort\na/1.jpg,What color?,no,red\n")
    columns = PairColumnsParams(image="image", question="frage;x", answer="antwort")
    assert rows_of(read_recorded(tmp_path / "pairs.csv", columns)) == PAIRS
    with pytest.raises(DataError, match=r"lacks the column\(s\) 'wort'; it has: image"):
        read_recorded(tmp_path / "pairs.csv", PairColumnsParams(answer="wort"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", [{"image": "a/1.jpg", "qa_pairs": [{"question": "What color?", "answer": "red"}]}]),
        ("a.json", {"a/1.jpg": {"qa_data": [{"question": "What color?", "answer": "red"}]}}),
        ("a.json", {"data": [{"image": "a/1.jpg", "qas": [{"question": "What color?", "answer": "red"}]}]}),
        ("a.json", [{"image": "a/1.jpg", "question": "What color?", "answer": "red"}]),
        (
            "a.json",
            {
                "annotations": [
                    {"image": "a/1.jpg", "question": "What color?", "answers": ["red", "red", "pink"]}
                ]
            },
        ),
        ("a.jsonl", {"file_name": "a/1.jpg", "question": "What color?", "answer": "red"}),
        (
            "a.json",
            [
                {
                    "image": "a/1.jpg",
                    "conversations": [{"from": "human", "value": "<image>\nWhat color?"}, {"value": "red"}],
                }
            ],
        ),
    ],
)
def test_json_of_many_images_is_read_in_the_forms_that_are_common(tmp_path, name, content):
    (tmp_path / name).write_text(json.dumps(content))
    assert rows_of(read_recorded(tmp_path / name)) == PAIRS


def test_the_most_frequent_of_several_answers_counts(tmp_path):
    pd.DataFrame({"image": ["1.jpg"], "question": ["What?"], "answers": [["b", "a", "a"]]}).to_parquet(
        tmp_path / "a.parquet"
    )
    assert read_recorded(tmp_path / "a.parquet")["answer"].tolist() == ["a"]


def test_a_bare_name_finds_the_only_image_called_so():
    images = pd.DataFrame({"image_id": ["1", "2", "3"], "path": ["x/a.jpg", "x/b.jpg", "y/b.jpg"]})
    pairs = pd.DataFrame({"image_id": pd.Series([None, "a"], dtype="str"), "path": ["a.jpg", None]})
    assert match_images(pairs, images).tolist() == ["1", "1"]
    with pytest.raises(DataError, match=r"b.jpg fits several images, such as x/b.jpg and y/b.jpg"):
        match_images(pairs.assign(path="b.jpg"), images)


def test_a_missing_file_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(DataError, match="missing.jsonl does not exist"):
        read_recorded(tmp_path / "missing.jsonl")
    with pytest.raises(DataError, match="holds no .json file"):
        read_recorded(tmp_path)


def test_half_a_character_does_not_get_into_a_table(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"image_id": "a", "qa_pairs": [{"question": "What?", "answer": "caf\\ud83d"}]}')
    assert read_recorded(path)["answer"].tolist() == ["caf?"]


PAIR = '{"image_id": "ab", "qa_pairs": [{"question": "What?", "answer": %s}]}'


@pytest.mark.parametrize("depth", [970, 985, 990, 100_000])
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.jsonl.gz"])
def test_json_nested_past_what_python_reads_is_one_line_that_names_the_file(tmp_path, name, depth):
    text = (PAIR % ("[" * depth + "]" * depth)).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    try:
        pairs = read_recorded(tmp_path / name)
        assert len(pairs) == 1
    except DataError as error:
        assert name in str(error) and len(str(error)) < 500


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    folder = os.getcwd()
    # A socket's path may be no longer than 100 characters.
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(folder)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_pipe, "it is a pipe"),
        (make_socket, "it is a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device"),
        (lambda path: path.symlink_to("nothing"), "is a link to nothing"),
        (lambda path: path.symlink_to(path.name), "cannot be read|does not exist"),
    ],
    ids=["pipe", "socket", "device", "dangling", "loop"],
)
def test_what_is_called_json_and_is_no_file_is_one_line_and_is_not_waited_for(tmp_path, make, message):
    folder = write_folder(tmp_path / "pairs")
    make(folder / "deeper/x.json")
    for path in (folder, folder / "deeper/x.json"):
        with pytest.raises(DataError, match=rf"x\.json.*({message})"):
            read_recorded(path)
    for name in ("x.jsonl", "x.tar", "x.csv", "x.tar.gz"):
        make(tmp_path / name)
        with pytest.raises(DataError, match=name):
            read_recorded(tmp_path / name)


def test_a_folder_that_is_called_as_a_file_is_a_folder_like_others(tmp_path):
    folder = write_folder(tmp_path / "pairs")
    (folder / "deeper").rename(folder / "x.json")
    assert rows_of(read_recorded(folder)) == EXPECTED


def test_a_tar_of_pairs_that_says_more_than_it_has_is_one_line(tmp_path):
    content = write_tar(tmp_path / "a.tar").read_bytes()
    whole = len(content.rstrip(b"\0"))
    huge = tarfile.TarInfo("x.json")
    huge.size = 2**40
    for name, damaged in {
        "cut": content[: whole - 5],
        "huge": huge.tobuf(tarfile.GNU_FORMAT) + content,
    }.items():
        for path, written in ((f"{name}.tar", damaged), (f"{name}.tar.gz", gzip.compress(damaged))):
            (tmp_path / path).write_bytes(written)
            with pytest.raises(VqatuneError, match=path):
                read_recorded(tmp_path / path)
