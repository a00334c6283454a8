"""The display of requests: live on a terminal, plain lines elsewhere, and no key in either."""

import re
import time
from functools import partial
from io import StringIO
from types import SimpleNamespace

import pytest
from asked_images import KEY
from rich.console import Console

from vqatune.generation.client.key_pool import KeyPool, PooledKey
from vqatune.generation.client.rate_limiter import RateLimiter
from vqatune.generation.client.usage import dollars
from vqatune.params import LimitsParams, PriceParams
from vqatune.runtime.live_display import Display
from vqatune.runtime.request_display import RequestDisplay, RequestProgress

PRICE = partial(dollars, PriceParams(input=1.0, output=2.0))
NO_PRICE = partial(dollars, PriceParams())


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    fake = SimpleNamespace(monotonic=clock.monotonic, time=time.time)
    fake.localtime, fake.strftime = time.localtime, time.strftime
    monkeypatch.setattr("vqatune.runtime.request_display.time", fake)
    return clock


@pytest.fixture
def progress(clock):
    """A run about 1,000 images, before its first reply."""
    return RequestProgress(1000, began=clock.now, key_states={1: "ready, 0 requests"})


def later(clock, progress):
    """A minute later: 120 images are done; the first key is refused, the second one rests."""
    clock.now += 60
    progress.done, progress.pairs, progress.replies = 120, 1680, 119
    progress.input_tokens, progress.output_tokens = 150_000, 60_000
    progress.failures.update({"http 503": 4, "safety": 1})
    progress.set_aside[b"a key"] = "safety"
    keys = [PooledKey(number, f"{KEY}-{number}", RateLimiter(LimitsParams())) for number in (1, 2, 3)]
    key_pool = KeyPool(keys, 8, 6, print, clock=clock.monotonic)
    key_pool.in_flight, key_pool.window = 3, 8.0
    first, second, third = keys
    first.retired, first.sent = True, 1
    second.rests_until, second.sent = clock.now + 3600, 1234
    third.sent = 5
    key_pool.record_figures(progress)


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
        watch = RequestDisplay(display, PRICE)
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
        watch = RequestDisplay(display, PRICE)
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
            watch = RequestDisplay(display, NO_PRICE)
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
@pytest.mark.parametrize("price", [PriceParams(), PriceParams(input=1.0), PriceParams(output=1.0)])
def test_a_cost_that_is_not_known_is_not_shown(clock, progress, make, price):
    console = make()
    with Display("asking a-model", console) as display:
        watch = RequestDisplay(display, partial(dollars, price))
        watch(progress)
        later(clock, progress)
        watch(progress)
        assert watch.cost(progress) is None
    shown = "\n".join(seen(console))
    assert "1,680" in shown and "$" not in shown and "cost" not in shown


def test_a_model_that_costs_nothing_is_said_to(clock, progress):
    console = no_terminal()
    with Display("asking a-model", console) as display:
        watch = RequestDisplay(display, partial(dollars, PriceParams(input=0, output=0)))
        later(clock, progress)
        watch(progress)
    assert "cost $0.00, about $0.00 in all" in console.file.getvalue()


@pytest.mark.parametrize("make", [on_terminal, no_terminal])
def test_what_a_user_should_know_of_is_a_line_that_stays(clock, progress, make):
    console = make()
    with Display("asking a-model", console) as display:
        watch = RequestDisplay(display, PRICE)
        watch(progress)
        display.print_line("key 1 rests until 12:00:00: [quota] of http://a.b/c?d=[e]")
        watch(progress)
    line = "asking a-model: key 1 rests until 12:00:00: [quota] of http://a.b/c?d=[e]"
    assert [found.rstrip() for found in seen(console)].count(line) == 1


def test_the_rate_and_the_time_left_are_those_of_late(clock, progress):
    console = no_terminal()
    watch = RequestDisplay(Display("asking a-model", console), PRICE)
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
        watch = RequestDisplay(display, PRICE)
        watch(progress)
        clock.now += 300
        progress.done = done
        watch(progress)
    assert f"time left {said}; " in seen(console)[0]


def test_the_figures_of_earlier_runs_count_but_not_for_the_rate(clock):
    console = no_terminal()
    progress = RequestProgress(1000, 400, pairs=6000, input_tokens=200_000, output_tokens=100_000)
    progress.began = clock.now
    with Display("asking a-model", console) as display:
        watch = RequestDisplay(display, PRICE)
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
