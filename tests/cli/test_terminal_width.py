"""`vqatune score` in terminals, pipes and under interrupts."""

import os
import signal
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from vqatune.cli import main; main()"]
EXACT = ("--metric", "exact_match")
NO_IMAGES = "no image column: every pair counts as an image of its own in the intervals; name it with --image"


@pytest.mark.parametrize("width", ["20", "40", "60", "80", "200"])
def test_no_terminal_is_too_narrow_and_no_number_is_cut(vqatune, file, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    done = vqatune("score", file, *EXACT, "--metric", "token_overlap", "--by", "kind")
    assert done.status == 0 and "exact_match" in done.out
    tables_ = [line for line in done.out.splitlines() if line[:1] in "┏┃┡│└"]
    assert max(map(len, tables_)) <= max(int(width), 21)
    assert "…" not in "".join(tables_).replace(" … ", "")


def test_names_with_brackets_are_shown_as_they_are(vqatune, tmp_path):
    (tmp_path / "x[bold]y.csv").write_text("pred,gt,[/b]\nred,red,[/i]\n")
    shown = vqatune("score", "x[bold]y.csv", *EXACT, "--by", "[/b]").out
    assert "x[bold]y.csv: 1 pairs" in shown and "by [/b]" in shown and "[/i]" in shown


def test_a_terminal_without_the_characters_gets_others_and_json_escapes(process, tmp_path):
    (tmp_path / "a.csv").write_text("pred,gt,kind\nrot,rot,grün\n")
    assert process("score", "a.csv", *EXACT, "--by", "kind", PYTHONIOENCODING="ascii").status == 0
    ascii_only = process("score", "a.csv", *EXACT, "--by", "kind", "--json", PYTHONIOENCODING="ascii")
    assert ascii_only.json["by"][0]["value"] == "grün" and ascii_only.out.isascii()


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, repository):
    rows = "".join(f"red,red,{number}\n" for number in range(1500))
    (tmp_path / "a.csv").write_text(f"pred,gt,kind\n{rows}")
    process = subprocess.Popen(
        [*COMMAND, "score", "a.csv", *EXACT, "--by", "kind"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_an_interrupt_is_one_line(tmp_path, repository):
    # Where it waits while it imports what it needs: a module that waits for somebody to read what it says.
    os.mkfifo(tmp_path / "ready")
    (tmp_path / "rapidfuzz.py").write_text("open('ready', 'wb').close()\nimport time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [*COMMAND, "score", "a.csv", *EXACT],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(repository / "src")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # This waits until the other side opens it.
    (tmp_path / "ready").open("rb").close()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)
    assert said == ("", "stopped\n") and process.returncode == 130
