"""What commands and stages print: control characters of strangers' texts are shown, never obeyed."""

import json

from vqatune.errors import visible
from vqatune.runtime.output import say, say_json

HOSTILE = "red\x1b]0;owned\x07\x1b[2J\x9b31m\u202e ü\r"


def test_lines_have_escapes_for_control_characters(capsys):
    say(f"{HOSTILE}\n\tdone", flush=True)
    say(HOSTILE, error=True, end="")
    said = capsys.readouterr()
    assert said.out == visible(f"{HOSTILE}\n\tdone\n") and "\\x1b" in said.out and "\x1b" not in said.out
    assert said.err == visible(HOSTILE)


def test_json_says_the_same_and_shows_none(capsys):
    for escape_all in (False, True):
        say_json(json.dumps({"answer": HOSTILE}, indent=2, ensure_ascii=escape_all))
        said = capsys.readouterr().out
        assert json.loads(said) == {"answer": HOSTILE}
        assert visible(said) == said
