import json
import shutil

import pytest
import yaml

from vqatune.inference.answering.answerer import Answerer
from vqatune.report.terminal.answers import EMPTY, shown_number

COLOR = "what color is it?"


@pytest.fixture
def ask(vqatune, models, folder, tmp_path):
    """Run `vqatune ask` where the models are."""
    (tmp_path / "models").symlink_to(models)
    return lambda *arguments: vqatune("ask", *arguments)


def test_the_last_version_answers_with_its_probability(ask, models, folder):
    done = ask(folder / "image00.jpg", COLOR, "is it striped?")
    assert done.status == 0 and done.err == ""
    for answer in Answerer(models / "v2").ask(folder / "image00.jpg", [COLOR, "is it striped?"]):
        line = next(line for line in done.out.splitlines() if answer.question in line)
        assert f" {answer.answer or EMPTY} " in line and shown_number(answer.probability) in line
    assert "v2" in done.out and "image01" not in done.out


def test_json_lists_every_version_with_all_digits(ask, models, folder):
    rows = ask(folder / "image00.jpg", COLOR, "--versions", "all", "--json").json
    assert [row["version"] for row in rows] == ["base", "v1", "v2"]
    for row in rows:
        [answer] = Answerer(models / row["version"]).ask(folder / "image00.jpg", COLOR)
        assert row == {
            "picture": str(folder / "image00.jpg"),
            "question": COLOR,
            "version": row["version"],
            "answer": answer.answer,
            "probability": answer.probability,
            "log_probability": answer.log_probability,
        }


def test_versions_stand_side_by_side_and_what_differs_is_marked(ask, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    rows = ask(folder / "image00.jpg", COLOR, "--versions", "base,v1,v2", "--json").json
    done = ask(folder / "image00.jpg", COLOR, "--versions", "base,v1,v2")
    header, line = [line for line in done.out.splitlines() if "v1" in line or COLOR in line]
    assert header.split()[1::2] == ["question", "base", "v1", "v2"]
    cells = [cell.strip() for cell in line.split("│")[2:5]]
    last = rows[-1]["answer"]
    for cell, row in zip(cells, rows, strict=True):
        mark = "≠ " if row["answer"] != last else ""
        assert cell == f"{mark}{row['answer'] or EMPTY} {shown_number(row['probability'])}"


def test_where_there_is_no_room_versions_stand_below_each_other_and_nothing_is_cut(ask, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "42")
    rows = ask(folder, COLOR, "is it striped?", "--versions", "all", "--json").json
    done = ask(folder, COLOR, "is it striped?", "--versions", "all")
    assert max(map(len, done.out.splitlines())) <= 42
    for row in rows:
        assert f"{row['answer'] or EMPTY} {shown_number(row['probability'])}" in done.out
    assert done.out.count("image00.jpg") >= 1


def test_a_folder_gives_a_row_a_picture_and_question_and_what_is_no_picture_is_left_out(ask, folder):
    (folder / "notes.txt").write_text("notes")
    (folder / ".hidden").write_text("hidden")
    done = ask(folder, COLOR, "is it striped?", "--versions", "v1,v2", "--json")
    assert [(row["picture"][-11:-4], row["question"]) for row in done.json[:24]] == [
        (f"image{number:02d}", question) for number in range(12) for question in (COLOR, "is it striped?")
    ]
    assert {row["version"] for row in done.json[24:]} == {"v2"} and len(done.json) == 48
    assert done.err.count("notes.txt is no JPEG") == 1 and "it is left out" in done.err
    assert "hidden" not in done.err


def test_a_closed_list_is_ranked(ask, models, folder):
    done = ask(folder / "image00.jpg", COLOR, "--choices", "red, blue,green")
    ranked = Answerer(models / "v2").rank(folder / "image00.jpg", COLOR, ["red", "blue", "green"])
    lines = [line for line in done.out.splitlines() if "│" in line]
    for line, answer in zip(lines, ranked, strict=True):
        assert f" {answer.answer or EMPTY} " in line and shown_number(answer.share) in line
    [row] = ask(folder / "image00.jpg", COLOR, "--choices", '["red, dark", "blue"]', "--json").json
    assert {one["answer"] for one in row["choices"]} == {"red, dark", "blue"}
    assert row["answer"] == row["choices"][0]["answer"]
    assert sum(one["share"] for one in row["choices"]) == pytest.approx(1)
    both = ask(folder / "image00.jpg", COLOR, "--choices", "red,blue", "--versions", "v1,v2").out
    assert "v1" in both and "v2" in both


def test_small_probabilities_are_not_shown_as_none():
    assert [shown_number(value) for value in (0.0, 1e-9, 0.0005, 0.12345, 1.0)] == [
        "0.000",
        "<0.001",
        "0.001",
        "0.123",
        "1.000",
    ]


def test_many_choices_are_shown_in_part(ask, folder):
    done = ask(folder / "image00.jpg", COLOR, "--choices", ",".join(map(str, range(25))))
    assert "… and 15 more" in done.out and done.out.count("\n") < 20


def test_a_question_is_shown_as_it_was_asked(ask, folder):
    done = ask(folder / "image00.jpg", "is it [bold]red[/bold]?", "--versions", "v1,v2")
    assert "[bold]red[/bold]" in done.out


def test_a_url_is_asked_about(ask, server):
    [row] = ask(f"{server.url}/picture", COLOR, "--json").json
    assert row["picture"] == f"{server.url}/picture" and row["probability"] > 0
    assert "the server says 404" in ask(f"{server.url}/nothing", COLOR).error


def test_a_merged_model_and_a_single_adapter_are_asked(ask, models, folder):
    rows = ask(folder / "image00.jpg", COLOR, "--models", models / "v1", "--json").json
    assert [row["version"] for row in rows] == ["v1"]
    assert (
        ask(folder / "image00.jpg", COLOR, "--models", models / "base", "--json").json[0]["version"] == "base"
    )


def test_what_is_wrong_is_said_in_one_line(ask, folder, tmp_path):
    picture = folder / "image00.jpg"
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").touch()
    said = {
        ("none.jpg", COLOR): "none.jpg does not exist: check its name",
        ("", COLOR): "no picture is named",
        (tmp_path / "empty", COLOR): "holds no pictures",
        (tmp_path / "other", COLOR): "holds no picture that opens",
        (tmp_path / "other/notes.txt", COLOR): "is no JPEG",
        (picture,): "no question is asked: vqatune ask",
        (picture, ""): "a question is empty",
        # What Python makes of a command line in another encoding.
        (picture, "caf\udce9?"): "has something in it that is no character",
        (picture, COLOR, "--version", "v9"): "models has no version v9 (it has base, v1, v2)",
        (picture, COLOR, "--version", "all"): "models has no version all",
        (picture, COLOR, "--version", ""): "models has no version  (it has",
        (picture, COLOR, "--versions", "v1,v9"): "models has no version v9",
        (picture, COLOR, "--versions", ""): "--versions names no version",
        (picture, COLOR, "--versions", ","): "--versions names no version",
        (picture, COLOR, "--models", "nowhere"): "nowhere does not exist: run `dvc repro` or `dvc pull`",
        (picture, COLOR, "--models", "empty"): "empty holds no models",
        (picture, COLOR, "--models", "other/notes.txt"): "other/notes.txt is a file",
        (picture, COLOR, "--choices", "red"): "needs two answers",
        (picture, COLOR, "--choices", "red,,blue"): "one of the choices is empty",
        (picture, COLOR, "--choices", "red,blue,red"): "'red' is there 2 times",
        (picture, COLOR, "--choices", "red,Red"): "'red' and 'Red' are the same to the model",
        (picture, COLOR, "--choices", "[red,blue]"): "are no JSON list of texts",
        (picture, COLOR, "--choices", "[" * 100_000): "are no JSON list of texts",
        (picture, COLOR, "--choices", f"[{'9' * 5000}]"): "are no JSON list of texts",
        (picture, COLOR, "--choices", r'["red", "\ud800"]'): "the choice '\\ud800' has something in it",
        (picture, COLOR, "--device", "cuda:9"): "compute.device is 'cuda:9', which cannot be used here",
    }
    for arguments, line in said.items():
        done = ask(*arguments)
        assert done.status == 1 and done.out == "" and "Traceback" not in done.err
        assert line in done.err.splitlines()[-1], done.err


def test_a_question_that_is_too_long_is_said(ask, folder):
    done = ask(folder / "image00.jpg", "a " * 200)
    assert done.status == 0
    assert "is too long: only its first 128 tokens are read" in done.err and done.err.count("\n") == 1


def test_in_a_repository_the_parameters_count(
    ask, repository, models, folder, tmp_path, parameter_values, places
):
    (tmp_path / "stages").mkdir()
    shutil.copy(repository / "stages/predict.py", tmp_path / "stages")
    (tmp_path / "answers.txt").write_text("sofa\nSofa\nlamp\n")
    predict = parameter_values["predict"] | {"mode": "rank", "candidates": "answers.txt"}
    values = parameter_values | {"predict": predict}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    [row] = ask(folder / "image00.jpg", COLOR, "--json").json
    assert row["answer"] in ("sofa", "lamp")
    values["predict"] = predict | {"mode": "generate", "max_answer_tokens": 0}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    assert "predict.max_answer_tokens" in ask(folder / "image00.jpg", COLOR).error


@pytest.mark.slow
def test_it_says_nothing_but_the_answers_as_a_process(process, models, folder):
    done = process("ask", str(folder / "image00.jpg"), COLOR, "--models", str(models), "--json")
    assert done.status == 0 and done.err == ""
    assert json.loads(done.out)[0]["version"] == "v2"
