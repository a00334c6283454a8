"""The rate limiter, against servers that count by the sliding minute, in simulated time."""

import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.generation.client.rate_limiter import RateLimiter
from vqatune.params import LimitsParams

MINUTE = 60.0


class SlidingServer:
    """Lets so many requests and tokens in per sliding minute."""

    def __init__(self, requests=None, tokens=None):
        self.requests, self.tokens = requests, tokens
        self.window = deque()

    def take(self, now, tokens):
        """Return None for a request that is let in, or the seconds to wait."""
        while self.window and self.window[0][0] <= now - MINUTE:
            self.window.popleft()
        full = self.requests and len(self.window) >= self.requests
        full = full or (self.tokens and sum(used for _, used in self.window) + tokens > self.tokens)
        if full:
            return self.window[0][0] + MINUTE - now
        self.window.append((now, tokens))
        return None


def ask_for(minutes, rate_limiter, server, tokens=1000, jitter=0.05, seed=0, tells=(), work=0.0):
    """Send requests as fast as the limiter admits; return the numbers of accepted and of refused ones."""
    draw, now, taken, refused = random.Random(seed), 0.0, 0, 0
    while now < minutes * MINUTE:
        now = max(now + draw.random() * 0.0005 + work, rate_limiter.ready(now))
        rate_limiter.sent(now)
        arrives = now + draw.random() * jitter
        wait = server.take(arrives, tokens)
        if wait is None:
            taken += 1
            rate_limiter.used(tokens)
        else:
            refused += 1
            limits = {"requests_per_minute": server.requests} if "quota" in tells else {}
            rate_limiter.limited(now, arrives, limits, wait if "delay" in tells else None)
    return taken, refused


@given(quota=st.integers(1, 2000), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_a_quota_that_is_known_is_never_passed_and_used_to_95_percent(quota, seed):
    minutes = 5 if quota > 30 else 40
    server = SlidingServer(quota)
    taken, refused = ask_for(minutes, RateLimiter(LimitsParams(requests_per_minute=quota)), server, seed=seed)
    assert taken >= 0.95 * quota * minutes
    # The way to the server is not always equally long, so the very last of a minute may come early.
    assert refused <= 1


@pytest.mark.parametrize("tells", [(), ("delay",), ("delay", "quota")])
@pytest.mark.parametrize("quota", [60, 300, 1500])
def test_a_quota_that_is_not_known_is_learned_from_refusals(quota, tells):
    taken, refused = ask_for(20, RateLimiter(LimitsParams()), SlidingServer(quota), tells=tells, work=0.005)
    assert taken >= 0.95 * quota * 20
    assert refused < 100


def test_tokens_are_paced_by_what_requests_turn_out_to_take():
    server = SlidingServer(tokens=600_000)
    taken, refused = ask_for(20, RateLimiter(LimitsParams(tokens_per_minute=600_000)), server, tokens=5000)
    assert taken >= 0.95 * 120 * 20 and refused <= 2


def test_a_restart_in_mid_minute_does_not_pass_the_quota():
    server = SlidingServer(100)
    draw, now, refused = random.Random(0), 0.0, 0
    for _ in range(20):
        rate_limiter, now = RateLimiter(LimitsParams(requests_per_minute=100)), now + 3
        for _ in range(draw.randrange(10, 40)):
            now = max(now + 0.01, rate_limiter.ready(now))
            rate_limiter.sent(now)
            refused += server.take(now, 1) is not None
    assert refused == 0


def test_a_limit_that_was_learned_is_tried_anew_when_the_server_gives_more():
    rate_limiter, server = RateLimiter(LimitsParams()), SlidingServer(50)
    ask_for(3, rate_limiter, server, work=0.01)
    assert rate_limiter.requests_per_minute == pytest.approx(50, rel=0.1)
    server.requests = 500
    pace_before = rate_limiter.requests_per_minute
    now = 3 * MINUTE
    while now < 60 * MINUTE:
        now = max(now, rate_limiter.ready(now))
        rate_limiter.sent(now)
    assert rate_limiter.requests_per_minute > 5 * pace_before


def test_the_quota_of_a_day_holds_over_restarts():
    limits = LimitsParams(requests_per_day=100)
    rate_limiter = RateLimiter(limits)
    for number in range(60):
        assert rate_limiter.ready(float(number)) <= number
        rate_limiter.sent(float(number))
    rate_limiter = RateLimiter(limits, sent_today={0.0: 60})
    now = 4000.0
    for _ in range(40):
        assert rate_limiter.ready(now) <= now
        rate_limiter.sent(now)
    assert rate_limiter.ready(now) == 24 * 3600.0
    later = 24 * 3600.0 + 50
    for _ in range(60):
        assert rate_limiter.ready(later) <= later
        rate_limiter.sent(later)
    assert rate_limiter.ready(later) > later
