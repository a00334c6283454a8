"""Predictions whose references are in another file, as public datasets have them."""

import json
import unicodedata

import pytest

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import Columns
from vqatune.evaluation.prediction_files.reading import read_predictions


def _ten(*answers: str) -> list[dict]:
    texts = [answers[place % len(answers)] for place in range(10)]
    return [
        {"answer": text, "answer_confidence": "yes", "answer_id": number}
        for number, text in enumerate(texts, 1)
    ]


@pytest.fixture
def joined(write):
    """Write files of JSON and read the first with the references of the second."""

    def read(predictions, references, columns=None, questions=None, on=None):
        paths = [
            None if content is None else write(f"{name}.json", json.dumps(content))
            for name, content in (("p", predictions), ("r", references), ("q", questions))
        ]
        return read_predictions(paths[0], columns, paths[1], paths[2], on)

    return read


_VQA = {
    "info": {"year": 2017},
    "data_type": "mscoco",
    "annotations": [
        {
            "question_id": number,
            "image_id": 9,
            "answer_type": "other",
            "multiple_choice_answer": text,
            "answers": _ten(text),
        }
        for number, text in ((20, "mug"), (10, "red"))
    ],
    "license": {"name": "CC"},
}


def test_results_of_vqa_v2_have_their_ten_answers_in_the_order_of_the_results(joined):
    read = joined([{"question_id": 10, "answer": "red"}, {"question_id": 20, "answer": "cup"}], _VQA)
    assert list(read.frame["prediction"]) == ["red", "cup"]
    assert list(read.frame["references"]) == [["red"] * 10, ["mug"] * 10]
    assert list(read.frame["image_id"]) == ["9", "9"] and list(read.frame["answer_type"]) == ["other"] * 2
    assert read.summary == "prediction: answer, references: answers, image_id: image_id"
    assert read.notes == ["joined by question_id: 0 of 2 predictions and 0 of 2 references have no partner"]


def test_a_file_of_questions_adds_their_texts(joined):
    questions = {"questions": [{"question_id": 10, "image_id": 9, "question": "What color?"}]}
    predictions = [{"question_id": 10, "answer": "red"}, {"question_id": 20, "answer": "cup"}]
    read = joined(predictions, _VQA, questions=questions)
    assert list(read.frame["question"]) == ["What color?", ""]
    assert read.notes[1].startswith("1 of 2 pairs are not in ") and read.notes[1].endswith(
        "(the first: '20')"
    )


@pytest.mark.parametrize(
    ("predictions", "references", "texts"),
    [
        # TextVQA: a list of ten texts, under `data`.
        (
            [{"question_id": 1, "answer": "nokia"}],
            {
                "dataset_name": "textvqa",
                "data": [{"question_id": 1, "image_id": "a", "answers": ["nokia"] * 10}],
            },
            ["nokia"] * 10,
        ),
        # VizWiz: found by the image, of which each has one question.
        (
            [{"image": "VizWiz_val_1.jpg", "answer": "soup"}],
            [
                {
                    "image": "VizWiz_val_1.jpg",
                    "question": "What?",
                    "answers": _ten("soup", "can"),
                    "answerable": 1,
                }
            ],
            ["soup", "can"] * 5,
        ),
        # GQA: questions by their id, predictions under another name.
        (
            [{"questionId": "07", "prediction": "no"}],
            {"07": {"question": "Is it?", "imageId": "5", "answer": "yes", "fullAnswer": "Yes, it is."}},
            ["yes"],
        ),
        # OK-VQA: as VQA v2, with the answers before stemming.
        (
            [{"question_id": 1, "answer": "race"}],
            {
                "annotations": [
                    {
                        "question_id": 1,
                        "answers": [{"answer": "race", "raw_answer": "racing", "answer_id": 1}] * 10,
                    }
                ]
            },
            ["race"] * 10,
        ),
        # Objects of texts by id.
        ({"a": "red"}, {"a": ["red", "blue"]}, ["red", "blue"]),
    ],
)
def test_the_formats_of_public_datasets_are_known(joined, predictions, references, texts):
    read = joined(predictions, references)
    assert list(read.frame["references"]) == [texts] and len(read.frame["prediction"]) == 1
    assert "0 of 1 predictions and 0 of 1 references" in read.notes[0]


def test_what_has_no_partner_is_left_out_and_counted(joined):
    predictions = [{"id": number, "answer": "a"} for number in (3, 1, 2)]
    references = [{"id": number, "answers": ["a"]} for number in (1, 3, 4, 5)]
    read = joined(predictions, references)
    assert list(read.frame["id"]) == ["3", "1"]
    [note] = read.notes
    assert note.startswith(
        "joined by id: 1 of 3 predictions (the first: '2') and 2 of 4 references (the first: '4')"
    )
    assert note.endswith("have no partner, and are left out")


def test_the_columns_of_ids_may_be_named_one_for_each_file(joined):
    predictions = [{"qid": 1, "id": 7, "answer": "a"}]
    references = [{"id": 1, "number": 7, "answers": ["a"]}]
    assert joined(predictions, references, on="qid=id").notes[0].startswith("joined by qid = id: 0 of 1")
    assert (
        joined(predictions, references, on="id=number").notes[0].startswith("joined by id = number: 0 of 1")
    )
    read = joined([{"my=key": 1, "answer": "a"}], [{"my=key": 1, "answers": ["a"]}], on="my=key")
    assert list(read.frame["my=key"]) == ["1"]


def test_columns_that_both_files_have_are_those_of_the_references(joined):
    read = joined(
        [{"id": 1, "question": "mine?", "answer": "red"}],
        [{"id": 1, "question": "theirs?", "answer": "blue"}],
    )
    assert list(read.frame["question"]) == ["theirs?"]
    assert list(read.frame["predictions.question"]) == ["mine?"]
    assert list(read.frame["prediction"]) == ["red"] and list(read.frame["references"]) == [["blue"]]


def test_ids_are_the_same_however_their_accents_are_typed(joined):
    names = [unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD")]
    read = joined([{"image": names[0], "answer": "a"}], [{"image": names[1], "answers": ["a"]}])
    assert len(read.frame) == 1


def test_files_of_different_formats_are_joined(write):
    predictions = write("p.csv", "sep=;\nquestion_id;output\n1;red\n2;blue\n")
    references = write("r.tsv", "question_id\tanswer_1\tanswer_2\n2\tblue\tnavy\n1\tred\t\n")
    read = read_predictions(predictions, references=references)
    assert list(read.frame["references"]) == [["red"], ["blue", "navy"]]


@pytest.mark.parametrize(
    ("predictions", "references", "on", "message"),
    [
        ([{"id": 1, "answer": "a"}] * 2, [{"id": 1, "answers": []}], None, "p.json, row 2 has the id '1' of .*p.json, row 1 again"),
        ([{"id": 1, "answer": "a"}], [{"id": 2, "answers": ["a"]}], None, r"no id in .*p.json is a id in .*r.json \(such as '1' and '2'\)"),
        ([{"id": None, "answer": "a"}], [{"id": 2, "answers": ["a"]}], None, "p.json, row 1 has no id in column 'id'"),
        ([{"id": 1, "answer": "a"}], [{"id": 1, "answers": ["a"]}], "nr", r"p.json has no column 'nr' \(--on\)"),
        ([{"x": 1, "answer": "a"}], [{"id": 1, "answers": ["a"]}], None, "no column is known to hold the ids .*--on NAME"),
        ([{"id": 1, "answer": "a"}], [{"id": 1, "answers": []}], None, "r.json, row 1 has no reference in column 'answers'"),
        ([{"id": 1, "answer": "a"}], [{"id": 1, "x": "a"}], None, "r.json has no column known to be the references"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_joined_are_one_line(joined, predictions, references, on, message):
    with pytest.raises(DataError, match=message) as raised:
        joined(predictions, references, on=on)
    assert "\n" not in str(raised.value)


def test_ids_without_a_file_of_references_are_an_error(joined):
    for options in ({"on": "id"}, {"questions": []}):
        with pytest.raises(DataError, match="goes with --references FILE"):
            joined([{"id": 1, "prediction": "a", "answer": "a"}], None, **options)


def test_given_columns_are_those_of_their_file(joined):
    read = joined(
        [{"id": 1, "answer": "old", "said": "red"}],
        [{"id": 1, "answers": ["x"], "truth": "red", "picture": "i1"}],
        Columns("said", ("truth",), image_id="picture"),
    )
    assert read.frame[["prediction", "references", "image_id"]].to_numpy().tolist() == [
        ["red", ["red"], "i1"]
    ]
