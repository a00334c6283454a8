"""Reviews in the checks: which pairs they are about, what two people settle, and what becomes of the pairs."""

import pandas as pd
import pytest
from generated_pairs import checked_pairs, make_sampled, write_recorded

from vqatune.errors import DataError
from vqatune.generation.checks.qa_ids import qa_ids
from vqatune.generation.checks.reviews import (
    COLUMNS,
    DISAGREED,
    Settled,
    add_reviews,
    read_reviews,
    settle,
    write_reviews,
)

LISTED = {
    "00": [
        ("What color is the seat?", "red", 1),
        ("How many legs are there?", "4", 2),
        ("Is there a cushion?", "yes", 0),
        ("Which shape is the back?", "two words", 1),
    ],
    "01": [("What color is the seat?", "red", 1), ("What color is the seat?", "blue", 1)],
}


def _id(image: str, question: str) -> str:
    return qa_ids(pd.DataFrame({"image_id": [image], "question": [question]}))[0]


def _review(image, question, answer, verdict, reviewer="anna", new_question="", new_answer="") -> dict:
    row = dict.fromkeys(COLUMNS, "") | {
        "qa_id": _id(image, question),
        "reviewer": reviewer,
        "verdict": verdict,
    }
    row |= {"image_id": image, "question": question, "answer": answer}
    return row | {"new_question": new_question, "new_answer": new_answer}


def _written(folder, *rows: dict):
    write_reviews(pd.DataFrame(rows), folder / "reviews.csv")
    return str(folder / "reviews.csv")


@pytest.fixture
def check(tmp_path):
    """Check the recorded pairs with some reviews; returns the kept and dropped pairs, and the report."""

    def run(*rows: dict):
        params = write_recorded(tmp_path / "pairs.jsonl", LISTED)
        reviews = _written(tmp_path, *rows) if rows else None
        kept, dropped, generated = checked_pairs(
            make_sampled(["00", "01"]), params.model_copy(update={"reviews": reviews})
        )
        return kept, dropped, generated.report

    return run


def _pairs(frame: pd.DataFrame) -> set[tuple[str, str, str]]:
    return set(frame[["image_id", "question", "answer"]].itertuples(index=False, name=None))


def test_without_reviews_nothing_is_said_of_them(check):
    kept, dropped, report = check()
    assert "reviews" not in report and len(kept) == 4
    assert dropped["check"].tolist() == ["too_many_words", "repeated_question"]


def test_wrong_pairs_are_dropped_and_no_other_pair_is_touched(check):
    before, _, _ = check()
    kept, dropped, report = check(
        _review("00", "How many legs are there?", "4", "wrong"),
        _review("00", "Is there a cushion?", "yes", "unclear"),
        _review("00", "What color is the seat?", "red", "right"),
        # Another answer than the one that is there.
        _review("01", "What color is the seat?", "green", "wrong"),
    )
    assert _pairs(before) - _pairs(kept) == {("00", "How many legs are there?", "4")}
    assert dropped.set_index("check").loc["reviewed_wrong", "answer"] == "4"
    assert report["reviews"] == {"pairs": 4, "found": 3, "dropped": 1, "replaced": 0}
    assert report["dropped"]["reviewed_wrong"] == 1


def test_a_wrong_pair_does_not_stand_in_for_another_answer_to_its_question(check):
    first = check()[0].set_index("image_id").loc["01", "answer"]
    other = "blue" if first == "red" else "red"
    kept, dropped, _ = check(_review("01", "What color is the seat?", first.upper() + ".", "wrong"))
    assert kept.set_index("image_id").loc["01", "answer"] == other
    assert dropped[dropped["image_id"] == "01"]["check"].tolist() == ["reviewed_wrong"]


def test_mended_pairs_are_replaced_checked_and_known_by_their_new_question(check):
    kept, dropped, report = check(
        _review("00", "Which shape is the back?", "two words", "mend", new_answer="Round."),
        _review("00", "How many legs are there?", "4", "mend", new_question="How many feet are there?"),
        # The mended pair is reviewed in its turn.
        _review("00", "How many feet are there?", "4", "mend", new_answer="three"),
        _review("00", "Is there a cushion?", "yes", "mend", new_answer="a soft one"),
    )
    assert {
        ("00", "Which shape is the back?", "Round"),
        ("00", "How many feet are there?", "three"),
    } < _pairs(kept)
    assert ("00", "Is there a cushion?", "a soft one") in _pairs(dropped)
    assert len(kept) == 4 and (kept["qa_id"] == qa_ids(kept)).all()
    assert report["reviews"] == {"pairs": 4, "found": 3, "dropped": 0, "replaced": 4}


@pytest.mark.parametrize(
    ("verdicts", "settled"),
    [
        (["right", "right"], "right"),
        (["right", "wrong"], DISAGREED),
        (["right", "wrong", "wrong"], "wrong"),
        (["unclear", "wrong"], "wrong"),
        (["unclear", "unclear"], "unclear"),
        (["mend", "right"], DISAGREED),
    ],
)
def test_the_most_decide_and_who_is_unsure_does_not_count(verdicts, settled):
    rows = [
        _review("00", "Q?", "a", verdict, f"person {number}", new_answer="b" if verdict == "mend" else "")
        for number, verdict in enumerate(verdicts)
    ]
    [found] = settle(pd.DataFrame(rows)).values()
    assert found.verdict == settled


def test_of_mended_texts_most_people_s_is_taken_then_the_first_by_name():
    given = {"carl": "red", "anna": "blue", "ben": "red"}
    rows = [_review("00", "Q?", "a", "mend", name, new_answer=text) for name, text in given.items()]
    assert list(settle(pd.DataFrame(rows)).values()) == [Settled("mend", "", "red")]
    assert list(settle(pd.DataFrame(rows[:2])).values()) == [Settled("mend", "", "blue")]


def test_reviews_are_read_as_they_were_written_and_a_second_verdict_replaces_the_first(tmp_path):
    rows = [
        _review("01", 'Is it "big", or\nnot?', "None", "wrong", "ben"),
        _review("00", "Q?", "a", "right"),
        _review("00", "Q?", "a", "right", "Zoë"),
    ]
    path = _written(tmp_path, *rows)
    read = read_reviews(path)
    assert sorted(read.to_dict("records"), key=str) == sorted(rows, key=str)
    again = add_reviews(read, pd.DataFrame([_review("00", "Q?", "A", "wrong")]))
    assert len(again) == 3 and again[again["reviewer"] == "anna"]["verdict"].tolist() == ["wrong"]
    first = (tmp_path / "reviews.csv").read_bytes()
    assert _written(tmp_path, *reversed(rows)) and (tmp_path / "reviews.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("qa_id,reviewer,verdict\n", r"lacks the column\(s\) answer"),
        ("qa_id,reviewer,verdict,answer\n1,anna,good,red\n", "line 2: the verdict is 'good'"),
        ("qa_id,reviewer,verdict,answer\n1,,right,red\n", "line 2: it lacks its reviewer"),
        ("qa_id,reviewer,verdict,answer\n1,anna,right,red\n2,anna,mend,red\n", "line 3: it says mend"),
        ("qa_id,reviewer,verdict,answer\n1,anna\n", "line 2"),
    ],
)
def test_a_row_that_says_nothing_is_an_error_that_names_its_line(tmp_path, text, said):
    (tmp_path / "reviews.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_reviews(tmp_path / "reviews.csv")
    with pytest.raises(DataError, match="does not exist"):
        read_reviews(tmp_path / "none.csv")
