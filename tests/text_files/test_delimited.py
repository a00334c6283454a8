"""Rows of delimited text."""

import csv
import io
from pathlib import Path

import pytest

from vqatune.errors import DataError
from vqatune.text_files.delimited import RowError, WidthError, check_names, find_delimiter, parse_rows

PATH = Path("a.csv")


def parse(text: str, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    return list(parse_rows(PATH, io.StringIO(text, newline=""), delimiter))


def test_rows_have_the_line_that_they_start_in_and_their_cells_as_they_are():
    text = 'a,b\r\n\n" x\n ""y""",None\n\x00,\n'
    assert parse(text) == [(1, ["a", "b"]), (3, [' x\n "y"', "None"]), (5, ["\x00", ""])]
    assert parse("a;b,c\n1;2", ";") == [(1, ["a", "b,c"]), (2, ["1", "2"])]
    assert parse("") == []


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("a,b", ","),
        ("a;b,c;d\n", ";"),
        ('"a,b,c"|d', "|"),
        ("a\tb", "\t"),
        ("a^b", "^"),
        ("a", ","),
        ("", ","),
        ("sep=;\r\n", ";"),
        ("SEP=\t\n", "\t"),
        ("sep=,a", ","),
    ],
)
def test_a_delimiter_is_named_by_the_first_line_or_its_most_frequent_one(line, delimiter):
    assert find_delimiter(line) == delimiter


def test_a_first_line_that_names_the_delimiter_is_no_row():
    assert parse("sep=;\na;b\n1;2\n", ";") == [(2, ["a", "b"]), (3, ["1", "2"])]
    assert parse("a,b\nsep=,\n") == [(1, ["a", "b"]), (2, ["sep=", ""])]


def test_a_cell_of_any_length_is_read_and_the_limit_of_others_stays():
    before = csv.field_size_limit()
    assert len(parse(f"a\n{'x' * 200_000}\n")[1][1][0]) == 200_000
    assert csv.field_size_limit() == before


def test_rows_that_cannot_be_read_are_named_by_their_line():
    with pytest.raises(
        WidthError, match="^a.csv, line 3 has 3 cells, and the line of column names 2: "
    ) as raised:
        parse("a,b\n1,2\n1,2,3\n")
    assert (raised.value.line, raised.value.cells, raised.value.names) == (3, 3, 2)
    with pytest.raises(RowError, match="^a.csv, line 2: unexpected end of data: a cell that starts with"):
        parse('a,b\n1,"2\n3,4\n')
    with pytest.raises(RowError, match="^a.csv, line 1 has a carriage return in it that ends no line"):
        list(parse_rows(PATH, ["a,b\r1,2\r"]))


def test_two_columns_of_one_name_are_an_error():
    check_names(PATH, ["a", "", "", "b"])
    with pytest.raises(DataError, match="a.csv has the column 'a' more than once: rename one of them"):
        check_names(PATH, ["a", "b", "a"])
