"""What is printed of texts that come from strangers."""

import io
import logging

from rich.table import Table

from vqatune.errors import DataError
from vqatune.runtime import logs
from vqatune.runtime.terminal import Terminal

HOSTILE = "red\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
SHOWN = "red\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202e"


def test_a_table_shows_control_characters_and_keeps_its_own_colours():
    out = io.StringIO()
    table = Table("answer")
    table.add_row(HOSTILE)
    Terminal(file=out, width=80, force_terminal=True).print(table, style="bold")
    said = out.getvalue()
    assert "\x1b]0" not in said and "\x1b[2J" not in said and "\x9b" not in said and "\u202e" not in said
    assert "\\x1b]0;owned" in said and "\x1b[1m" in said


def test_an_error_and_a_log_line_show_control_characters(capsys):
    assert str(DataError(f"{HOSTILE} is no answer:\n  correct it")) == f"{SHOWN} is no answer: correct it"
    logs.configure()
    logging.getLogger("vqatune.test").warning("%s\nno\tanswer", HOSTILE)
    assert capsys.readouterr().err == f"{SHOWN}\nno\tanswer\n"
