"""What `vqatune use` shows of the dataset to be: some pairs, and the sizes of the sets."""

import csv
import json


def test_of_pairs_in_lists_no_example_is_made_up(use, student, repository_of_ones_own, tmp_path):
    pairs = [{"question": "What is written on it?", "answer": "zzz"}]
    rows = [
        {"image": f"my photos/IMG_{number:03d}.jpg", "color": "red", "qa_pairs": pairs}
        for number in range(60)
    ]
    (tmp_path / "nested.json").write_text(json.dumps(rows))
    said = use("../nested.json", "--yes").partition("params.yaml would change")[0]
    assert "60 questions with their answers" in said and "→" not in said


def test_examples_are_those_of_the_source_that_is_to_be(use, student, repository_of_ones_own, tmp_path):
    use("../questions.csv", "--yes")
    with (tmp_path / "attributes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "category", "color"])
        rows.writerows([f"my photos/IMG_{number:03d}.jpg", "chairs", "red"] for number in range(60))
    said = use("../attributes.csv", "--yes").partition("params.yaml would change")[0]
    assert "templates write them" in said and "→ red" in said


def test_that_the_test_set_would_be_empty_is_said(use, student, repository_of_ones_own, tmp_path):
    with (tmp_path / "one.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["image", "question", "answer"], ["my photos/IMG_000.jpg", "Is it red?", "no"]]
        )
    said = use("../one.csv", "--yes")
    assert "sets:     the test set is empty" in said and "for training" not in said
