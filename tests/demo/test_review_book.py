import pytest
from reviewed_pairs import write_pairs

from vqatune.demo.review_book import ReviewBook
from vqatune.errors import DataError
from vqatune.generation.checks.reviews import read_reviews
from vqatune.inspection.drawn_pairs import pairs_to_review


@pytest.fixture
def pairs(tmp_path, places, parameter_values, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path, places, parameter_values)
    return pairs_to_review(12, 1)


def test_every_verdict_is_on_disk_and_a_second_one_replaces_the_first(pairs, tmp_path):
    path = tmp_path / "reviews.csv"
    book = ReviewBook(pairs, path)
    book.record(0, "anna", "right")
    book.record(1, "anna", "unclear")
    book.record(1, "anna", "mend", "", " Blue. ")
    said = read_reviews(path).set_index("qa_id")
    first, second = book.pair(0), book.pair(1)
    assert len(said) == 2 and said.loc[first["qa_id"], "verdict"] == "right"
    row = said.loc[second["qa_id"]]
    assert (row["verdict"], row["new_question"], row["new_answer"]) == ("mend", "", "Blue")
    assert (row["answer"], row["generator"], row["image_id"]) == (second["answer"], "m", second["image_id"])
    assert set(said["check"]) <= {"", "none_like"}
    # Where one stopped, one goes on, and another person starts at the first pair.
    again = ReviewBook(pairs, path)
    assert (again.next_place("anna", 0), again.next_place("ben", 0)) == (2, 0)
    assert (again.said(1, "anna"), again.count("anna"), again.count("ben")) == ("mend", 2, 0)
    assert len(book) == 12 and book.next_place("ben", 12) == 12


def test_reviews_that_came_into_the_file_meanwhile_are_kept(pairs, tmp_path):
    path = tmp_path / "reviews.csv"
    one, other = ReviewBook(pairs, path), ReviewBook(pairs, path)
    one.record(0, "anna", "right")
    other.record(0, "ben", "wrong")
    one.record(1, "anna", "wrong")
    assert sorted(read_reviews(path)["reviewer"]) == ["anna", "anna", "ben"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0, "", "right"), "write your name first"),
        ((0, "anna", "fine"), "no such pair or verdict"),
        ((99, "anna", "right"), "no such pair or verdict"),
        ((0, "anna", "mend"), "change the question or the answer"),
    ],
)
def test_what_is_no_verdict_is_not_written(pairs, tmp_path, given, said):
    book = ReviewBook(pairs, tmp_path / "reviews.csv")
    with pytest.raises(DataError, match=said):
        book.record(*given)
    pair = book.pair(0)
    with pytest.raises(DataError, match="change the question"):
        book.record(0, "anna", "mend", pair["question"], pair["answer"])
    assert not (tmp_path / "reviews.csv").exists()
