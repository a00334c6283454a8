import csv

from vqatune.generation.checks.reviews import COLUMNS
from vqatune.report.further.reviews import review_section


def _write(path, rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _review(pair: str, reviewer: str, verdict: str, kind: str = "color", **more) -> dict[str, str]:
    return {
        "qa_id": pair,
        "reviewer": reviewer,
        "verdict": verdict,
        "answer": "red",
        "question_type": kind,
    } | more


def test_wrong_pairs_and_agreement_are_counted_and_names_are_text(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = [_review(f"p{number}", "anna", "right") for number in range(3)]
    rows += [_review("p3", "anna", "wrong", "<b>size"), _review("p4", "anna", "mend", new_answer="blue")]
    rows += [_review("p0", "ben", "right"), _review("p3", "ben", "wrong", "<b>size")]
    _write(path, rows)
    section = review_section(path)
    rates, agreement = section.figures
    assert "5 pairs are reviewed (verdicts: anna 5, ben 2)" in section.text
    assert "Of 5 kept pairs on which people settled, 2 are wrong or to be mended (40.0 %" in rates.alt
    by = rates.table.set_index("kept pairs")
    assert by.loc["all", ["settled", "wrong", "to mend"]].tolist() == ["5", "1", "1"]
    assert '<span class="kind">question type</span> &lt;b&gt;size' in by.index
    assert agreement.table.iloc[0, :2].tolist() == ["anna and ben", "2"]
    assert agreement.table["same verdict"].iloc[0].startswith("100.0 %")


def test_one_person_agrees_with_nobody_and_without_reviews_there_is_no_section(tmp_path):
    path = tmp_path / "reviews.csv"
    assert review_section(path) is None
    _write(path, [])
    assert review_section(path) is None
    _write(path, [_review("p0", "anna", "right")])
    assert [figure.name for figure in review_section(path).figures] == ["review_rates"]
