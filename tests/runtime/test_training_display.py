"""The display of training: in place on a terminal, plain lines elsewhere."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from vqatune.runtime import training_display
from vqatune.runtime.training_display import TrainingDisplay


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(training_display, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def row(loss: float, seen: int) -> dict:
    return {"smoothed_loss": loss, "pairs_seen": seen}


def test_elsewhere_than_on_a_terminal_there_is_a_line_a_minute_and_one_at_the_end(clock):
    text = StringIO()
    with TrainingDisplay(
        "train v7", images=100, done=20, seen=50, console=Console(file=text, width=200)
    ) as display:
        clock.now += 40
        display.advance(20, [row(2.5, 250)])
        assert not text.getvalue()
        clock.now += 40
        display.advance(40, [row(2.5, 250), row(1.25, 650)])
        clock.now += 20
        display.advance(20, [row(0.5, 850)])
    assert text.getvalue().splitlines() == [
        "train v7: images 80 of 100; loss 1.250; pairs/s 8; left 0:00:27",
        "train v7: images 100 of 100; loss 0.500; pairs/s 8; left 0:00:00",
    ]


def test_on_a_terminal_the_figures_change_in_place(clock):
    text = StringIO()
    console = Console(file=text, width=100, force_terminal=True)
    with TrainingDisplay("train v7", images=10, done=0, seen=0, console=console) as display:
        clock.now += 1
        display.advance(5, [row(0.75, 60)])
    shown = text.getvalue()
    assert "train v7" in shown and "0.750" in shown and "60" in shown and "images 5 of 10;" not in shown


def test_only_the_first_process_of_a_machine_shows_them(clock, monkeypatch, capfd):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with TrainingDisplay("train v7", images=1, done=0, seen=0) as display:
        display.advance(1, [row(1.0, 3)])
    assert not capfd.readouterr().err
