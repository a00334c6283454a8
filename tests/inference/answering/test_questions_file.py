import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.inference.answering.questions_file import open_questions, write_row


@pytest.fixture
def opened(tmp_path):
    def open_(content: str | bytes, *names, **options):
        path = tmp_path / "questions.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_questions(path, *names, **options)

    return open_


def _cells(file) -> list[list[str]]:
    return [cells for _, cells in file.rows()]


def test_rows_come_with_their_lines_and_every_cell_as_it_is(opened):
    file = opened('id,image_id,question\n1,a,"two\nlines, ""quoted"""\n\n2,None, NA \n003,,nan\n')
    assert list(file.rows()) == [
        (2, ["1", "a", 'two\nlines, "quoted"']),
        (5, ["2", "None", " NA "]),
        (6, ["003", "", "nan"]),
    ]
    assert (file.count, file.image, file.question, file.choices) == (3, 1, 2, None)


def test_a_first_line_may_name_the_delimiter(opened):
    file = opened("sep=;\r\nimage;question\r\na;what, is; it\r\n".replace("is; it", "is it"))
    assert list(file.rows()) == [(3, ["a", "what, is it"])] and file.delimiter == ";"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_delimiter_is_found_out_and_a_byte_order_mark_is_no_part_of_a_name(opened, delimiter, end, mark):
    header = delimiter.join(["image", '"a, b; c"', "question"])
    file = opened(
        mark + header + end + delimiter.join(["i", "x", "what, now?" if delimiter != "," else "what?"])
    )
    assert file.header == ["image", "a, b; c", "question"] and file.delimiter == delimiter
    assert _cells(file)[0][0] == "i"


@pytest.mark.parametrize(
    ("header", "image", "question"),
    [
        ("question,image_id", "image_id", "question"),
        ("Question,Image ID,image", "Image ID", "Question"),
        ("path,QUESTION,answer", "path", "QUESTION"),
        ("image-file,prompt", "image-file", "prompt"),
        ("image_id,path,query,questions", "image_id", "questions"),
    ],
)
def test_columns_are_guessed_from_common_names(opened, header, image, question):
    file = opened(header + "\n" + ",".join("x" * len(header.split(","))))
    assert (file.header[file.image], file.header[file.question]) == (image, question)


def test_columns_are_those_that_are_named(opened):
    file = opened("image,question,q2,p,c\n1,2,3,4,5\n", "p", "q2", "c")
    assert (file.image, file.question, file.choices) == (3, 2, 4)
    assert opened(",image,question,\n1,2,3,4\n").header == ["", "image", "question", ""]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "is empty: it needs a line of column names"),
        ("\n\n", "is empty"),
        ("image,question\n", "has no rows"),
        ("image,question,image\n1,2,3\n", "has the column 'image' more than once"),
        ("image,question\n1,2\n1,2,3\n", "line 3 has 3 cells, and the line of column names 2"),
        ('image,question\n1,"2\n', "line 2: unexpected end of data: a cell that starts with a quote"),
        (b"image,question\n1,2\n1,caf\xe9\n", "line 3 is not UTF-8 .byte 0xe9.: save it as a CSV in UTF-8"),
        ("image,question\n1,2\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"image,question\r1,2\r", "line 1 has a carriage return in it that ends no line"),
        ("picture_nr,question\n1,2\n", "no column known to be the image: say which with --image NAME"),
        (
            "image,q\n1,2\n",
            "no column known to be the question: say which with --question NAME .its columns are image, q.",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(opened, content, line):
    with pytest.raises(DataError, match=line) as caught:
        opened(content)
    assert "\n" not in str(caught.value)


def test_wrong_names_and_files_are_said(opened, tmp_path):
    with pytest.raises(
        DataError, match=r"has no column 'x' \(--choices-column\): its columns are image, question"
    ):
        opened("image,question\n1,2\n", choices="x")
    with pytest.raises(DataError, match="named for two things"):
        opened("image,question\n1,2\n", "question", "question")
    with pytest.raises(DataError, match="does not exist"):
        open_questions(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        open_questions(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no file that can be read twice"):
        open_questions(tmp_path / "pipe")


@given(
    delimiter=st.sampled_from(",;\t|"),
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), min_size=1
    ),
)
def test_whatever_is_in_the_cells_is_read_as_it_was_written(tmp_path_factory, delimiter, rows):
    path = tmp_path_factory.mktemp("any") / "questions.csv"
    with path.open("w", encoding="utf-8", newline="") as target:
        for row in [["image", "question"], *rows]:
            write_row(target, row, delimiter)
    assert [cells for _, cells in open_questions(path).rows()] == rows
