"""Errors of ours."""

import pickle

import pytest

from vqatune.errors import DataError, Stopped, VqatuneError


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "a.csv is damaged (C error: expected 2\n): run it again",
            "a.csv is damaged (C error: expected 2 ): run it again",
        ),
        ("no table\r\n\n  in it", "no table in it"),
        ("two  spaces of a path stay", "two  spaces of a path stay"),
    ],
)
def test_a_message_is_one_line_whatever_a_library_said_in_it(message, shown):
    error = DataError(message)
    assert str(error) == shown
    error.add_context("stage")
    assert str(error) == f"stage: {shown}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_stopped_stage_keeps_its_status_beside_the_message():
    stopped = Stopped("stopped after step 3\n", 143)
    assert isinstance(stopped, VqatuneError)
    assert (str(stopped), stopped.status) == ("stopped after step 3", 143)
