"""Pairs to Label Studio and verdicts from it, in the form of its JSON."""

import base64
import json
import xml.etree.ElementTree as ET
from io import BytesIO

import pytest
from PIL import Image
from reviewed_pairs import write_pairs

from vqatune.errors import DataError
from vqatune.generation.checks.reviews import read_reviews, settle
from vqatune.inspection.label_studio import import_annotations


def _result(name: str, kind: str, value: str) -> dict:
    return {
        "id": "x1",
        "from_name": name,
        "to_name": "image",
        "type": kind,
        "value": {kind if kind == "choices" else "text": [value]},
    }


def _annotation(verdict: str, person, **texts: str) -> dict:
    results = [_result("verdict", "choices", verdict)]
    results += [_result(name, "textarea", text) for name, text in texts.items()]
    return {"id": 1, "completed_by": person, "was_cancelled": False, "result": results, "lead_time": 3.1}


@pytest.fixture
def tasks(vqatune, tmp_path, places, parameter_values):
    write_pairs(tmp_path, places, parameter_values)
    done = vqatune("review", "export", "tasks.json", "--pairs", "8")
    assert done.status == 0 and "8 tasks; tasks.xml" in done.out
    return json.loads((tmp_path / "tasks.json").read_text())


def test_a_task_has_the_pair_and_its_picture_and_the_interface_names_what_is_in_it(tasks, tmp_path):
    assert len(tasks) == 8 and len({task["data"]["qa_id"] for task in tasks}) == 8
    data = tasks[0]["data"]
    kind, _, content = data["image"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert max(Image.open(BytesIO(base64.b64decode(content))).size) == 48
    interface = ET.parse(tmp_path / "tasks.xml")
    values = [each.get("value") for each in interface.iter() if (each.get("value") or "").startswith("$")]
    assert {value[1:] for value in values} <= set(data)
    assert [each.get("value") for each in interface.iter("Choice")] == ["right", "wrong", "unclear", "mend"]


def test_annotations_become_reviews_of_their_people(vqatune, tasks, tmp_path):
    people = ({"id": 1, "email": "anna@shop.example"}, 7)
    for task, verdict in zip(tasks, ("right", "wrong", "unclear"), strict=False):
        task["annotations"] = [_annotation(verdict, person) for person in people]
    tasks[3]["annotations"] = [
        _annotation("mend", people[1], new_answer="orange", new_question=tasks[3]["data"]["question"])
    ]
    tasks[4]["annotations"] = [
        _annotation("right", 7) | {"was_cancelled": True},
        {"completed_by": 7, "result": []},
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    done = vqatune("review", "import", "export.json")
    assert "7 verdicts; reviews.csv holds 7" in done.out and "set generate.reviews: reviews.csv" in done.out
    reviews = read_reviews(tmp_path / "reviews.csv")
    assert reviews["reviewer"].value_counts().to_dict() == {"label-studio-7": 4, "anna@shop.example": 3}
    mended = reviews[reviews["verdict"] == "mend"].iloc[0]
    assert (mended["new_question"], mended["new_answer"], mended["generator"]) == ("", "orange", "m")
    assert len(settle(reviews)) == 4
    # The same file once more changes nothing.
    assert "7 verdicts; reviews.csv holds 7" in vqatune("review", "import", "export.json").out
    shown = vqatune("review", "stats").out
    assert "4 pairs are reviewed (anna@shop.example 3, label-studio-7 4)" in shown
    assert "the same verdict on 3 of 3 pairs" in shown and "Cohen's kappa 1.00" in shown


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "cannot be read as JSON"),
        ('{"a": 1}', "a list of tasks"),
        ('[{"image": "x", "choice": "right"}]', "not as JSON-MIN"),
        ('[{"data": {"image": "x"}, "annotations": []}]', "task 1 lacks qa_id"),
    ],
)
def test_other_files_are_named(tmp_path, content, said):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(DataError, match=said):
        import_annotations(tmp_path / "export.json")


def test_a_verdict_that_is_none_is_named_by_its_task(tasks, tmp_path):
    for annotation, said in (
        (_annotation("good", 1), "task 1: the verdict is 'good'"),
        (_annotation("mend", 1), "task 1: it says mend"),
    ):
        tasks[0]["annotations"] = [annotation]
        (tmp_path / "export.json").write_text(json.dumps(tasks))
        with pytest.raises(DataError, match=said):
            import_annotations(tmp_path / "export.json")


def test_files_that_are_there_are_not_replaced(vqatune, tasks):
    assert "tasks.json exists" in vqatune("review", "export", "tasks.json").error
    assert "call it .json" in vqatune("review", "export", "tasks.csv").error
    assert "one pair or more" in vqatune("review", "--pairs", "0", "export", "new.json").error
    assert "`vqatune review` writes it" in vqatune("review", "stats").error
