"""What asking shows: a display on a terminal, plain lines elsewhere, and no key in either."""

import re
from io import StringIO
from types import SimpleNamespace

import pytest
from asked_images import KEY
from model_server import ModelServer
from rich.console import Console

from vqatune.generation.client.display import Watch
from vqatune.generation.client.jobs import Progress, Standing
from vqatune.generation.client.key_pool import Lane, Lanes
from vqatune.generation.client.rate_limiter import Pace
from vqatune.params import LimitsParams, PriceParams
from vqatune.runtime.live_display import Display

PRICE = PriceParams(input=1.0, output=2.0)
NO_PRICE = PriceParams()


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in ("display", "jobs"):
        monkeypatch.setattr(
            f"vqatune.generation.client.{module}.time", SimpleNamespace(monotonic=clock.monotonic)
        )
    return clock


@pytest.fixture
def progress(clock):
    """A run about 1,000 images with three keys, before its first reply."""
    lanes = [Lane(number, f"{KEY}-{number}", Pace(LimitsParams())) for number in (1, 2, 3)]
    return Progress(Standing(1000), Lanes(lanes, 8, 6, print, clock=clock.monotonic), began=clock.now)


def later(clock, progress):
    """A minute later: 120 images are done; the first key is refused, the second one rests."""
    clock.now += 60
    progress.done, progress.pairs, progress.replies = 120, 1680, 119
    progress.input_tokens, progress.output_tokens = 150_000, 60_000
    progress.failures.update({"http 503": 4, "safety": 1})
    progress.set_aside[b"a key"] = "safety"
    lanes = progress.lanes
    lanes.in_flight, lanes.width = 3, 8.0
    first, second, third = lanes.lanes
    first.retired, first.sent = True, 1
    second.rests_until, second.sent = clock.now + 3600, 1234
    third.sent = 5


FIGURES = {
    "images": r"120 of 1,000 \(120 a minute\)",
    "pairs": "1,680",
    "requests": "1,240 in 1 min",
    "in flight": "3 of up to 8",
    "tokens": "150,000 in, 60,000 out",
    "cost": r"\$0\.27, about \$2\.25 in all",
    "time left": "7 min",
    "failures": "http 503 4, safety 1",
    "set aside": "1",
    "key 1": "refused",
    "key 2": r"rests until (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d",
    "key 3": "asks",
}
"""What stands behind each name."""


def on_terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=100)


def no_terminal() -> Console:
    return Console(file=StringIO(), width=100)


def seen(console: Console) -> list[str]:
    """The lines that were written, without what moves the cursor and colors them."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).replace("\r", "\n").splitlines()


def test_a_terminal_shows_every_figure_while_asking_and_leaves_the_last_ones(clock, progress):
    console = on_terminal()
    with Display("asking a-model", console) as display:
        watch = Watch(display, PRICE)
        watch(progress)
        assert any("0 of 1,000" in line for line in seen(console))
        later(clock, progress)
        console.file.seek(0)
        console.file.truncate()
        watch(progress)
        shown = [line.rstrip() for line in seen(console)]
    assert "asking a-model" in shown
    for name, text in FIGURES.items():
        end = ", [0-9,]+ requests" if name.startswith("key ") else ""
        assert any(re.fullmatch(f"{name} +{text}{end}", line) for line in shown), name
    assert re.search(r"key 2 +rests until .*, 1,234 requests", "\n".join(shown))
    # A bar of 40 signs.
    assert any(re.fullmatch(" *[━╸╺]{40}", line) for line in shown)
    # What stays when it ends is the last frame, not what clears it.
    assert "pairs" in "\n".join(seen(console)[-20:]) and KEY not in console.file.getvalue()


def test_without_a_terminal_there_is_a_line_a_minute_with_every_figure(clock, progress):
    console = no_terminal()
    with Display("asking a-model", console) as display:
        watch = Watch(display, PRICE)
        watch(progress)
        assert seen(console) == []
        later(clock, progress)
        watch(progress)
        (line,) = seen(console)
        assert line.startswith("asking a-model: images 120 of 1,000")
        for name, text in FIGURES.items():
            assert re.search(rf"(: |; |, ){name} {text}(;|,|$)", line), name
        for _ in range(3 * 60 * 5):
            clock.now += 0.2
            watch(progress)
        assert len(seen(console)) in (3, 4)
    assert "\x1b" not in console.file.getvalue() and KEY not in console.file.getvalue()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_last_line_says_what_came_of_it_however_asking_ends(clock, progress, error):
    console = no_terminal()
    try:
        with Display("asking a-model", console) as display:
            watch = Watch(display, NO_PRICE)
            watch(progress)
            clock.now += 30
            progress.done, progress.pairs = 1000, 15_000
            watch(progress)
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    (line,) = seen(console)
    assert line.startswith("asking a-model: images 1,000 of 1,000 (2,000 a minute); pairs 15,000; ")
    assert "time left" not in line and "failures" not in line


def test_nothing_is_said_of_a_run_that_never_began(clock):
    console = no_terminal()
    with Display("asking a-model", console):
        pass
    assert seen(console) == []


@pytest.mark.parametrize("make", [on_terminal, no_terminal])
@pytest.mark.parametrize("price", [NO_PRICE, PriceParams(input=1.0), PriceParams(output=1.0)])
def test_a_cost_that_is_not_known_is_not_shown(clock, progress, make, price):
    console = make()
    with Display("asking a-model", console) as display:
        watch = Watch(display, price)
        watch(progress)
        later(clock, progress)
        watch(progress)
        assert watch.cost(progress) is None
    shown = "\n".join(seen(console))
    assert "1,680" in shown and "$" not in shown and "cost" not in shown


def test_a_model_that_costs_nothing_is_said_to(clock, progress):
    console = no_terminal()
    with Display("asking a-model", console) as display:
        watch = Watch(display, PriceParams(input=0, output=0))
        later(clock, progress)
        watch(progress)
    assert "cost $0.00, about $0.00 in all" in console.file.getvalue()


@pytest.mark.parametrize("make", [on_terminal, no_terminal])
def test_what_a_user_should_know_of_is_a_line_that_stays(clock, progress, make):
    console = make()
    with Display("asking a-model", console) as display:
        watch = Watch(display, PRICE)
        watch(progress)
        display.tell("key 1 rests until 12:00:00: [quota] of http://a.b/c?d=[e]")
        watch(progress)
    line = "asking a-model: key 1 rests until 12:00:00: [quota] of http://a.b/c?d=[e]"
    assert [found.rstrip() for found in seen(console)].count(line) == 1


def test_the_rate_and_the_time_left_are_those_of_late(clock, progress):
    console = no_terminal()
    watch = Watch(Display("asking a-model", console), PRICE)
    watch(progress)
    assert watch.per_minute() == 0
    for _ in range(600):
        clock.now += 1
        progress.done += 1
        watch(progress)
    assert watch.per_minute() == pytest.approx(60)
    for _ in range(301):
        clock.now += 1
        watch(progress)
    assert watch.per_minute() == 0
    clock.now += 60
    watch(progress)
    assert "time left not known yet" in seen(console)[-1]


@pytest.mark.parametrize(
    ("done", "said"),
    [(990, "3 s"), (500, "5 min"), (50, "1 h 35 min"), (1, "3 d 11 h")],
)
def test_the_time_left_is_said_in_fitting_units(clock, progress, done, said):
    console = no_terminal()
    with Display("asking a-model", console) as display:
        watch = Watch(display, PRICE)
        watch(progress)
        clock.now += 300
        progress.done = done
        watch(progress)
    assert f"time left {said}; " in seen(console)[0]


def test_what_earlier_runs_have_done_counts_but_not_as_this_runs_pace(clock, progress):
    console = no_terminal()
    before = Standing(1000, done=400, pairs=6000, input_tokens=200_000, output_tokens=100_000)
    progress = Progress(before, progress.lanes, began=clock.now)
    with Display("asking a-model", console) as display:
        watch = Watch(display, PRICE)
        watch(progress)
        clock.now += 60
        progress.done += 20
        progress.pairs += 300
        progress.input_tokens += 10_000
        progress.output_tokens += 5_000
        watch(progress)
    line = seen(console)[0]
    assert "images 420 of 1,000 (20 a minute); pairs 6,300; " in line
    assert "tokens 210,000 in, 105,000 out; cost $0.42, about $1.00 in all; time left 29 min" in line


def test_asking_a_server_ends_with_a_line_of_figures(ask, capfd):
    with ModelServer(pairs=15, plans={"image00002": ["503"]}) as server:
        ask(server, 30, price=PriceParams(input=0.1, output=0.4))
    last = capfd.readouterr().err.splitlines()[-1]
    assert re.search(
        r"asking gemini-test: images 30 of 30 \([1-9][\d,]* a minute\); pairs 450, of which the checks keep 100.0%; ",
        last,
    )
    assert "in flight 0 of up to " in last and "failures http 503 1" in last
    assert re.search(r"tokens [\d,]+ in, [\d,]+ out; cost \$0\.\d\d, about \$0\.\d\d in all; ", last)
    assert last.endswith("; key 1 asks, 31 requests") and KEY not in last


def test_it_says_how_many_pairs_the_checks_keep(ask, capfd):
    good = {"difficulty": 0, "question_type": "color"}
    pairs = [
        good | {"question": "What color is the seat?", "answer": "red"},
        good | {"question": "What color are the legs?", "answer": "dark blue"},
        good | {"question": "Is the back striped?", "answer": "no", "question_type": "pattern"},
        good | {"question": "What is shown?", "answer": "chair", "question_type": "object"},
    ]
    with ModelServer(answer=lambda name: pairs) as server:
        ask(server, 60)
    assert "pairs 240, of which the checks keep 75.0%; " in capfd.readouterr().err.splitlines()[-1]
