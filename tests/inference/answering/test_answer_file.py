"""`vqatune answer`: whole files, odd files, and being stopped; `make gauntlet` kills it at every write."""

import csv
import shutil
import signal
import subprocess
import time
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from warm import VQATUNE, Warm

from vqatune.inference.answering import answer_file, chunks
from vqatune.inference.answering.answerer import Answerer
from vqatune.tables import read_table, write_table

COLOR, STRIPES = "what color is it?", "is it striped?"


@pytest.fixture
def answer(vqatune, models, folder, tmp_path):
    """Write a file of questions, answer it, and return what was said and the rows that came out."""
    (tmp_path / "models").symlink_to(models)

    def run(content: str, *options, name: str = "questions.csv"):
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
        (tmp_path / "answers.csv").unlink(missing_ok=True)
        done = vqatune("answer", name, "--images", folder, *options)
        rows = None
        if (tmp_path / "answers.csv").exists():
            assert done.status == 0 and done.out == "answers.csv\n"
            text = (tmp_path / "answers.csv").read_bytes().decode()
            rows = list(csv.reader(StringIO(text, newline="")))
        return done, rows

    return run


def test_every_row_comes_back_in_its_order_with_answer_and_probability(answer, models, contents):
    rows = [(f"image{number % 12:02d}", question) for number in (3, 0, 3, 5) for question in (COLOR, STRIPES)]
    _, [header, *found] = answer("image_id,question\n" + "".join(f"{i},{q}\n" for i, q in rows))
    assert header == ["image_id", "question", "answer", "probability"]
    assert [tuple(row[:2]) for row in found] == rows
    answerer = Answerer(models / "v2")
    for image_id, question, text, probability in found:
        [expected] = answerer.ask(contents[image_id], question)
        assert text == expected.answer
        assert float(probability) == pytest.approx(expected.probability, rel=1e-3)


def test_all_that_is_in_the_file_is_kept_as_it_is(answer):
    content = '\ufeffq;Image;question;answer\r\n007;image00;"what; \r\n ""now""?";None\r\nNA;image01;nan;\r\n'
    done, rows = answer(content)
    assert rows[0] == ["q", "Image", "question", "answer", "prediction", "probability"] or len(rows[0]) == 1
    rows = [
        line
        for line in csv.reader(StringIO(Path("answers.csv").read_bytes().decode(), newline=""), delimiter=";")
    ]
    assert rows[0] == ["q", "Image", "question", "answer", "prediction", "probability"]
    assert [row[:4] for row in rows[1:]] == [
        ["007", "image00", 'what; \r\n "now"?', "None"],
        ["NA", "image01", "nan", ""],
    ]
    assert "image: Image, question: question; added: prediction, probability" in done.err


def test_rows_that_cannot_be_answered_are_named_counted_and_left_empty(answer, folder):
    (folder / "bad.jpg").write_text("bad")
    content = (
        f"image,question\nimage00,{COLOR}\nnone,{COLOR}\nbad,{COLOR}\nbad,{STRIPES}\nimage01,\n,{COLOR}\n"
    )
    done, [_, *rows] = answer(content)
    assert [bool(row[3]) for row in rows] == [True, False, False, False, False, False]
    assert all(row[2:] == ["", ""] for row in rows[1:])
    said = done.err.splitlines()
    assert f"line 3: none is not in {folder}" in said
    assert any(line.startswith("line 4 and 1 more: ") and "bad.jpg is no JPEG" in line for line in said)
    assert "line 6: a question is empty: ask something" in said and "line 7: no picture is named" in said
    assert said[-1] == "5 of 6 questions have no answer"
    done, rows = answer(content, "--strict")
    assert rows is None and done.status == 1
    assert done.err.splitlines()[-1].startswith("error: questions.csv, line 3: none is not in")


def test_strict_stops_at_a_picture_that_does_not_open(answer, folder):
    (folder / "bad.jpg").write_text("bad")
    done, rows = answer(f"image,question\nimage00,{COLOR}\nbad,{COLOR}\n", "--strict")
    assert rows is None and "line 3: " in done.err and "bad.jpg is no JPEG" in done.err.splitlines()[-1]


def test_many_kinds_of_problems_are_shown_in_part(answer):
    done, _ = answer("image,question\n" + "".join(f"none{number},{COLOR}\n" for number in range(50)))
    assert "30 more lines with something like it" in done.err and done.err.count("\n") < 26
    assert done.err.endswith("50 of 50 questions have no answer\n")


def test_answers_are_chosen_from_a_list_or_from_a_list_a_row(answer, models, contents):
    content = f'image,question,options\nimage00,{COLOR},"red, blue"\nimage01,{STRIPES},"[""yes"",""no""]"\nimage02,{COLOR},red\n'
    done, [_, *rows] = answer(content, "--choices-column", "options")
    answerer = Answerer(models / "v2")
    for row, listed in zip(rows, (["red", "blue"], ["yes", "no"]), strict=False):
        best = answerer.rank(contents[row[0]], row[1], listed)[0]
        assert row[3] == best.answer and float(row[4]) == pytest.approx(best.probability, rel=1e-3)
    assert rows[2][3:] == ["", ""] and "line 4: a choice needs two answers or more" in done.err
    _, [_, *rows] = answer(content, "--choices", "sofa,lamp")
    done, [_, *formulas] = answer(content, "--choices", "=1+1,@lamp")
    said = "answers.csv: a spreadsheet would run"
    assert {row[-2] for row in formulas} <= {"=1+1", "@lamp"} and said in done.err
    done, [_, *formulas] = answer(content, "--choices", "=1+1,@lamp", "--quote-formulas")
    assert {row[-2] for row in formulas} <= {"'=1+1", "'@lamp"} and said not in done.err
    assert {row[3] for row in rows} <= {"sofa", "lamp"}


def test_a_question_that_is_too_long_is_answered_and_named(answer):
    done, [_, row] = answer("image,question\nimage00," + "a " * 150 + "\n")
    assert row[3] and "line 2: the question is too long: only its first 128 tokens are read" in done.err


def test_what_is_wrong_is_said_before_anything_is_asked(answer, vqatune, tmp_path, folder):
    good = f"image,question\nimage00,{COLOR}\n"
    said = {
        (good, "--version", "v9"): "models has no version v9",
        (good, "--version", "all"): "models has no version all",
        (good, "--image", "x"): "has no column 'x' (--image)",
        (good, "--choices", "red"): "needs two answers",
        ("image,question\n",): "has no rows",
        ("image,question,image\n1,2,3\n",): "more than once",
        ("image,question,answer,prediction,model_answer\n1,2,3,4,5\n",): "already: rename one of them",
    }
    for (content, *options), line in said.items():
        done, rows = answer(content, *options)
        assert rows is None and line in done.error
    (tmp_path / "questions.csv").write_text(good)
    assert "is no folder" in vqatune("answer", "questions.csv", "--images", "nowhere").error
    assert "none.csv does not exist" in vqatune("answer", "none.csv", "--images", folder).error
    (tmp_path / "answers.csv").write_text("mine")
    assert "answers.csv exists" in vqatune("answer", "questions.csv", "--images", folder).error
    assert (tmp_path / "answers.csv").read_text() == "mine"
    assert not (tmp_path / ".work").exists()


def test_where_nothing_can_be_kept_one_line_says_so(answer, tmp_path):
    (tmp_path / ".work").write_text("no folder")
    done, rows = answer(f"image,question\nimage00,{COLOR}\n")
    assert rows is None and done.status == 1
    assert "answers cannot be kept in .work/answers" in done.err.splitlines()[-1]


def test_answers_are_not_put_beside_the_rows_of_a_file_that_changed_meanwhile(answer, tmp_path, monkeypatch):
    def change_then_read(questions, pictures):
        path = tmp_path / "questions.csv"
        path.write_text(path.read_text().replace(COLOR, STRIPES))
        yield from read_chunks(questions, pictures)

    content, read_chunks = f"image,question\nimage00,{COLOR}\n", chunks.read_chunks
    with monkeypatch.context() as patched:
        patched.setattr(answer_file, "read_chunks", change_then_read)
        done, rows = answer(content)
    assert rows is None and "questions.csv was changed while it was answered" in done.err
    # What was said to the other question is not taken for an answer to this one.
    [kept] = tmp_path.glob(".work/answers/*/*.parquet")
    write_table(read_table(kept, chunks.ANSWERED).assign(answer="stale"), kept, chunks.ANSWERED)
    _, rows = answer(content)
    assert rows[1][:2] == ["image00", COLOR] and rows[1][2] != "stale"


def test_a_changed_picture_and_a_damaged_part_are_asked_anew(answer, folder, tmp_path, monkeypatch, contents):
    monkeypatch.setattr(chunks, "ROWS_AT_ONCE", 3)
    content = "image,question\n" + "".join(f"image{number:02d},{COLOR}\n" for number in range(12))
    _, expected = answer(content)
    (folder / "image11.jpg").write_text("bad")
    done, rows = answer(content, "--strict")
    assert rows is None and "line 13: " in done.err
    kept = sorted(tmp_path.glob(".work/answers/*/*.parquet"))
    assert len(kept) == 3
    (folder / "image11.jpg").write_bytes(contents["image11"])
    kept[0].write_bytes(b"damaged")
    (folder / "image05.jpg").write_bytes(contents["image00"])
    # Served as it was kept, because nothing about it has changed.
    write_table(read_table(kept[2], chunks.ANSWERED).assign(answer="kept"), kept[2], chunks.ANSWERED)
    _, rows = answer(content)
    assert rows[:6] == expected[:6] and rows[10:] == expected[10:]
    assert rows[6][2] == expected[1][2]
    assert [row[2] for row in rows[7:10]] == ["kept"] * 3
    assert not list(tmp_path.glob(".work/answers/*"))


def test_what_is_kept_is_not_served_to_another_version_question_or_choice(
    answer, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(chunks, "ROWS_AT_ONCE", 3)
    content = "image,question\n" + "".join(f"image{number:02d},{COLOR}\n" for number in range(6))
    (folder / "image05.jpg").write_text("bad")
    runs = ([], ["--version", "v1"], ["--choices", "red,blue"], ["--choices", "red,green"])
    for number, options in enumerate(runs, 1):
        assert answer(content, "--strict", *options)[1] is None
        assert len(list(tmp_path.glob(".work/answers/*/*.parquet"))) == number
    answer(content.replace(COLOR, STRIPES), "--strict")
    assert len(list(tmp_path.glob(".work/answers/*/*.parquet"))) == len(runs) + 1


@pytest.fixture
def start(tmp_path, warm_server):
    """Start `vqatune answer questions.csv --images pictures` in tmp_path."""

    def run(out: str = "answers.csv") -> subprocess.Popen:
        command = [*VQATUNE, "answer", "questions.csv", "--images", "pictures", "--out", out]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return Warm(warm_server, command, cwd=tmp_path, **pipes)

    return run


@pytest.mark.slow
def test_stopped_and_started_again_it_ends_with_the_same_bytes(models, folder, tmp_path, start):
    (tmp_path / "models").symlink_to(models)
    rows = [(f"image{number % 12:02d}", f"what is {number} of it?") for number in range(1_900)]
    pd.DataFrame(rows, columns=["image", "question"]).to_csv(tmp_path / "questions.csv", index=False)
    undisturbed = start("whole.csv")
    said = undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0 and said[0] == "whole.csv\n", said
    process = start()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".work/answers/*/0*.parquet"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert not (tmp_path / "answers.csv").exists() and out == "" and "Traceback" not in err
    assert process.returncode == 128 + signal.SIGINT and "started again it goes on from there" in err
    process = start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out == "answers.csv\n", err
    assert (tmp_path / "answers.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not list(tmp_path.glob(".work/answers/*")) and not list(tmp_path.glob(".answers.csv*"))


@pytest.mark.slow
def test_a_second_run_of_the_same_file_is_refused(models, folder, tmp_path, start):
    shutil.copytree(models, tmp_path / "models")
    rows = [(f"image{number % 12:02d}", f"what is {number} of it?") for number in range(1_100)]
    pd.DataFrame(rows, columns=["image", "question"]).to_csv(tmp_path / "questions.csv", index=False)
    first = start()
    while not list(tmp_path.glob(".work/answers/*/0*.parquet")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    second = start("other.csv")
    _, said = second.communicate(timeout=60)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1 and "is being answered already" in said.splitlines()[-1]
    assert first.communicate(timeout=60)[0] == "answers.csv\n"
